/** The storage service: chunks, job output, and the event log for node-agents. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { openChunkStore } from '@verbena/chunk-store';
import { eventv1, identityv1, loadRequestCheck, storagev1 } from '@verbena/contracts';
import type { EventDatabase } from '@verbena/event-sourcing';
import { models } from '@verbena/history';
import { checked, metric, type RunningService, type ServiceContext } from '@verbena/service-kit';
import { ChunkOwners } from './chunk-owners.ts';
import { chunkService } from './chunk-service.ts';
import { VmOwners } from './events/vm-owners.ts';
import { eventService } from './events/event-service.ts';
import { Directory } from './identity/directory.ts';
import { credentialService, identityService } from './identity/identity-service.ts';
import { JobOwners } from './output/job-owners.ts';
import { OutputLogs } from './output/output-logs.ts';
import { snapshotService } from './snapshots/snapshot-service.ts';
import { SnapshotStore } from './snapshots/snapshot-store.ts';
import { outputService, sealCommand } from './output/output-service.ts';

export interface StorageOptions {
  /** The event log; whoever opened it closes it. */
  readonly store: EventDatabase;
  /** Most bytes of chunks; no bound but the disk when absent. */
  readonly chunkQuotaBytes?: number;
  /** Most bytes of the checkpoints of jobs; no bound but the disk when absent. */
  readonly snapshotQuotaBytes?: number;
  /** Most bytes of one job's standard output and error together; 4 GiB when absent. */
  readonly outputBytesPerJob?: number;
}

/** Published when a tenant, a user or a token has changed. */
const identityChanged = 'identity.changed';
const defaultOutputBytes = 4 * 1024 ** 3;

/** Starts the service in `context.dataDir`. What was kept there before is there again. */
export async function startStorage(context: ServiceContext, options: StorageOptions): Promise<RunningService> {
  const { bus, dataDir, log, metrics } = context;
  const { store, chunkQuotaBytes, snapshotQuotaBytes, outputBytesPerJob = defaultOutputBytes } = options;
  await mkdir(dataDir, { recursive: true });
  const chunks = await openChunkStore({
    directory: join(dataDir, 'chunks'),
    ...(chunkQuotaBytes !== undefined && { quotaBytes: chunkQuotaBytes }),
  });
  const chunkOwners = await ChunkOwners.open(join(dataDir, 'chunk-owners'));
  const snapshots = await SnapshotStore.open({
    directory: join(dataDir, 'snapshots'),
    ...(snapshotQuotaBytes !== undefined && { quotaBytes: snapshotQuotaBytes }),
  });
  const logs = new OutputLogs({
    directory: join(dataDir, 'output'),
    maximumBytes: outputBytesPerJob,
    sealedBefore: async (job) => (await store.findCommand(sealCommand(job))) !== undefined,
  });
  // A notification may be lost: whoever keeps what it was told forgets it soon in any case.
  const directory = await Directory.open(store, () => bus.publish(identityChanged, new Uint8Array()));
  const identity = { directory, clock: context.clock, random: context.random };
  const history = await store.readModels(models);
  const check = loadRequestCheck();
  const behind = <S extends DescService>(service: S, implementation: ServiceImpl<S>): ServiceImpl<S> =>
    checked(service, implementation, check) as ServiceImpl<S>;
  const served = await Promise.all([
    bus.serve(storagev1.ChunkService, chunkService(chunks, chunkOwners)),
    bus.serve(storagev1.OutputService, outputService({ logs, store, chunks, owners: new JobOwners(store) })),
    bus.serve(storagev1.SnapshotService, snapshotService(snapshots)),
    bus.serve(eventv1.EventService, eventService({ store, history, writable: ['vm-'], owners: new VmOwners(store) })),
    // Whoever gets a token past this has got in: what it says is checked here too, not only by the gateway.
    bus.serve(identityv1.IdentityService, behind(identityv1.IdentityService, identityService(identity))),
    bus.serve(identityv1.CredentialService, behind(identityv1.CredentialService, credentialService(identity))),
  ]);
  const unobserve = [
    metrics.observe(metric.chunkStoreBytes, () => [[{}, chunks.bytes]]),
    metrics.observe(metric.chunkStoreChunks, () => [[{}, chunks.list().length]]),
  ];
  log.debug({ chunks: chunks.list().length, bytes: chunks.bytes }, 'storage is ready');
  return {
    name: 'storage',
    async notReady() {
      try {
        await store.head();
        return undefined;
      } catch (error) {
        return `the event log cannot be read: ${error instanceof Error ? error.message : String(error)}`;
      }
    },
    async stop() {
      for (const end of unobserve) end();
      await Promise.all(served.map((one) => one.stop()));
      await history.stop();
      await directory.stop();
    },
  };
}
