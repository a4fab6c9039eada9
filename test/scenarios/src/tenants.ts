/**
 * Two tenants on one cluster: the real services and the gateway, over a log in memory. Physics has a job, a VM, a private image, output, a file and a
 * migration; chemistry has nothing, and shall learn of nothing.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { DescService } from '@bufbuild/protobuf';
import { createClient, type Client } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { identityv1, imagev1, jobv1, storagev1 } from '@verbena/contracts';
import { roles, type Role } from '@verbena/domain-identity';
import { createMemoryEventStore } from '@verbena/event-sourcing';
import { anyImage } from '@verbena/framework';
import { newSecret, startGateway, type Gateway } from '@verbena/frontend-gateway';
import { chunk } from '@verbena/guest-image';
import { startImageManager } from '@verbena/image-manager';
import { createInProcessBus, withCallContext } from '@verbena/messaging';
import { startMigrationController } from '@verbena/migration-controller';
import { startScheduler } from '@verbena/scheduler';
import { systemClock, type Clock, type RunningService } from '@verbena/service-kit';
import { seededRandom, testContext } from '@verbena/service-kit/testing';
import { startStorage } from '@verbena/storage';

const hour = 3_600_000;

/** What physics has, by kind: the names that a request would use. */
export interface Belongings {
  readonly job: string;
  readonly vm: string;
  readonly image: string;
  readonly token: string;
  readonly migration: string;
  readonly checkpoint: string;
}

export interface TwoTenants {
  readonly gateway: Gateway;
  readonly physics: Belongings;
  /** A token's secret for a role in a tenant. */
  secret(tenant: 'physics' | 'chemistry', role: Role): string;
  readonly expired: string;
  readonly revoked: string;
  readonly forged: string;
  client<S extends DescService>(service: S, secret: string | undefined): Client<S>;
  stop(): Promise<void>;
}

export async function twoTenants(): Promise<TwoTenants> {
  const directory = await mkdtemp(join(tmpdir(), 'verbena-tenants-'));
  const bus = createInProcessBus({ drain: { unaryMs: 500, streamMs: 50 } });
  const store = createMemoryEventStore({ now: () => new Date() });
  const random = seededRandom(11);
  let ahead = 0;
  const clock: Clock = { ...systemClock, now: () => new Date(Date.now() + ahead) };
  const context = async (name: string) => {
    const dataDir = join(directory, name);
    await mkdir(dataDir, { recursive: true });
    return testContext({ bus, dataDir, random, clock });
  };
  const services: RunningService[] = [
    await startStorage(await context('storage'), { store }),
    await startImageManager(await context('image-manager'), { store }),
    await startMigrationController(await context('migration-controller'), { store }),
    await startScheduler(await context('scheduler'), { store }),
  ];
  const root = newSecret(random);
  const gateway = await startGateway(await context('gateway'), {
    auth: { mode: 'tokens', bootstrapSecret: root },
    facts: { version: '0', startedAt: new Date(0), dataDirectory: '', services: () => services },
    heartbeatMs: 50,
  });
  while ((await gateway.notReady()) !== undefined) await systemClock.sleep(5);

  const client = <S extends DescService>(service: S, secret: string | undefined): Client<S> =>
    createClient(
      service,
      createGrpcTransport({
        baseUrl: gateway.url,
        interceptors: [
          (next) => (request) => {
            if (secret !== undefined) request.header.set('authorization', `Bearer ${secret}`);
            return next(request);
          },
        ],
      }),
    );

  const admin = client(identityv1.IdentityService, root);
  const secrets = new Map<string, string>();
  for (const tenant of ['physics', 'chemistry']) {
    await admin.createTenant({ name: tenant });
    for (const role of roles) {
      const wire = identityv1.Role[role.toUpperCase() as keyof typeof identityv1.Role];
      await admin.createUser({ tenant, name: `${tenant}-${role}`, role: wire });
      secrets.set(`${tenant} ${role}`, (await admin.createToken({ tenant, user: `${tenant}-${role}` })).secret);
    }
  }
  const of = (tenant: string, role: Role): string => secrets.get(`${tenant} ${role}`) ?? '';
  const short = await admin.createToken({ tenant: 'physics', user: 'physics-admin', expiresAt: timestampFromMs(Date.now() + hour) });
  const lost = await admin.createToken({ tenant: 'physics', user: 'physics-admin' });
  await admin.revokeToken({ id: lost.token?.id ?? '' });
  ahead = 2 * hour;

  const physics = await settle(client, of('physics', 'user'));
  // What only node-agents and the migration-controller write.
  const metadata = { actor: 'node-0', tenant: 'physics', correlationId: physics.job };
  const vm = { nodeId: 'node-0', imageDigest: 'sha256:0', memoryBytes: 65_536, vcpus: 1, tenant: 'physics', jobId: physics.job };
  const migration = { vmId: 'vm-physics', sourceNodeId: 'node-0', targetNodeId: 'node-1', obstacles: ['bypass'], at: 0 };
  await store.append([{ stream: 'vm-physics', expectedVersion: 0, events: [{ type: 'VmCreated', data: vm }] }], { metadata });
  await store.append([{ stream: 'mig-physics', expectedVersion: 0, events: [{ type: 'MigrationRefused', data: migration }] }], {
    metadata,
  });
  const saved = { jobId: physics.job, tenant: 'physics', attempt: 1, number: 1, ranks: 1, base: '', reason: 'asked for', at: 0 };
  const undone = { cause: 'failed', reason: 'storage is full', at: 0 };
  const events = [
    { type: 'CheckpointStarted', data: saved },
    { type: 'CheckpointUndoing', data: undone },
    { type: 'CheckpointFailed', data: { reason: undone.reason, at: 0 } },
  ];
  await store.append([{ stream: 'ckpt-physics', expectedVersion: 0, events }], { metadata });
  await withCallContext({ actor: 'system', tenant: 'default' }, async () => {
    const output = bus.client(storagev1.OutputService);
    const data = new TextEncoder().encode('quark');
    await output.appendOutput({ jobId: physics.job, pieces: [{ rank: 0, stream: storagev1.OutputStream.STDOUT, offset: 0n, data }] });
    await output.putFile({ file: { jobId: physics.job, rank: 0, path: 'lattice.dat', size: 0n, chunks: [] } });
    await output.sealOutput({ jobId: physics.job });
  });

  return {
    gateway,
    physics: { ...physics, vm: 'vm-physics', migration: 'mig-physics', checkpoint: 'ckpt-physics' },
    secret: of,
    expired: short.secret,
    revoked: lost.secret,
    forged: newSecret(random),
    client,
    async stop() {
      await gateway.stop();
      for (const service of services.toReversed()) await service.stop();
      await bus.close();
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What a user of physics makes through the gateway. */
async function settle(client: TwoTenants['client'], secret: string): Promise<Pick<Belongings, 'job' | 'image' | 'token'>> {
  const guest = anyImage();
  const chunks = chunk(guest.wasm);
  for (const { digest, offset, size } of chunks)
    await client(storagev1.ChunkService, secret).putChunk({ digest, data: guest.wasm.subarray(offset, offset + size) });
  const refs = chunks.map(({ digest, size }) => ({ digest, size }));
  await client(imagev1.ImageService, secret).registerImage({ name: 'lattice', manifest: guest.manifestBytes, chunks: refs });
  const { job } = await client(jobv1.JobService, secret).submitJob({ spec: { name: 'qcd', image: 'lattice', processes: 2 } });
  const { token } = await client(identityv1.IdentityService, secret).createToken({ description: 'of physics' });
  if (job === undefined || token === undefined) throw new Error('physics could not settle');
  return { job: job.id, image: 'lattice', token: token.id };
}
