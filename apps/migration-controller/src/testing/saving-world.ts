/**
 * A cluster as checkpoints see it: two nodes with a rank each, which stand, are captured, go on and are stored by saying so. It watches what must always hold:
 * nobody goes on before everybody has been captured, if the checkpoint is to count; and what does not count leaves nothing behind.
 */
import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { jobv1, migrationv1, storagev1, vmv1 } from '@verbena/contracts';
import { createMemoryEventStore, type EventStore } from '@verbena/event-sourcing';
import type { RunningService } from '@verbena/service-kit';
import { manualClock, mortal, testContext, type Fate, type ManualClock, type Mortal } from '@verbena/service-kit/testing';
import { startMigrationController } from '../migration-controller.ts';

export interface SavingWorld {
  readonly clock: ManualClock;
  readonly store: EventStore;
  /** What was asked of the nodes and of storage, in order: "node-0 capture". */
  readonly calls: string[];
  /** Calls that fail: for good with FAILED_PRECONDITION, once with UNAVAILABLE. */
  readonly failing: Map<string, 'always' | 'once'>;
  /** By checkpoint: the nodes whose parts storage has. */
  readonly kept: Map<string, Set<string>>;
  /** Nodes whose ranks stand still, and for which checkpoint. */
  readonly standing: Map<string, string>;
  /** The base that each capture was told. */
  readonly bases: string[];
  job: { state: jobv1.JobState; attempt: number; ended: boolean };
  readonly life: Mortal;
  fate: Fate;
  save(): Promise<string>;
  cancel(id: string): Promise<unknown>;
  remove(id: string): Promise<unknown>;
  list(): Promise<readonly migrationv1.Checkpoint[]>;
  /** Lets everything go on until nothing is left to do for a checkpoint; a controller that has died has a successor. */
  toItsEnd(id: string): Promise<migrationv1.Checkpoint>;
  story(id: string): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const nodeIds = ['node-0', 'node-1'];
const over = new Set(['stored', 'failed', 'cancelled', 'removed']);

export async function savingWorld(): Promise<SavingWorld> {
  const clock = manualClock();
  const store = createMemoryEventStore({ now: () => clock.now() });
  const context = await testContext({ clock });
  const { bus } = context;
  const calls: string[] = [];
  const failing = new Map<string, 'always' | 'once'>();
  const kept = new Map<string, Set<string>>();
  const standing = new Map<string, string>();
  const captured = new Map<string, string>();
  const bases: string[] = [];
  const job = { state: jobv1.JobState.RUNNING, attempt: 1, ended: false };
  const serve = <S extends DescService>(service: S, some: Partial<ServiceImpl<S>>, address?: string) =>
    bus.serve(service, some as ServiceImpl<S>, address);
  const call = (what: string): void => {
    calls.push(what);
    const how = failing.get(what);
    if (how === undefined) return;
    if (how === 'once') failing.delete(what);
    throw new ConnectError(`${what} fails`, how === 'once' ? Code.Unavailable : Code.FailedPrecondition);
  };
  const need = (nodeId: string, id: string): void => {
    if (standing.get(nodeId) !== id) throw new ConnectError(`${nodeId} does not stand for ${id}`, Code.FailedPrecondition);
  };
  const agent = (nodeId: string, rank: number): Partial<ServiceImpl<typeof migrationv1.CheckpointAgentService>> => ({
    standStill({ checkpointId }) {
      call(`${nodeId} standStill`);
      standing.set(nodeId, checkpointId);
      return { ranks: job.ended ? [] : [rank] };
    },
    capture({ checkpointId, base }) {
      call(`${nodeId} capture`);
      need(nodeId, checkpointId);
      bases.push(base);
      captured.set(nodeId, checkpointId);
      return { ranks: [rank] };
    },
    goOn({ checkpointId }) {
      call(`${nodeId} goOn`);
      need(nodeId, checkpointId);
      if (nodeIds.some((other) => captured.get(other) !== checkpointId)) throw new Error('somebody has not been captured');
      standing.delete(nodeId);
      return { ranks: [{ rank, stood: { seconds: 0n, nanos: 5_000_000 } }] };
    },
    store({ checkpointId }) {
      call(`${nodeId} store`);
      if (captured.get(nodeId) !== checkpointId) throw new ConnectError('nothing was captured', Code.FailedPrecondition);
      kept.set(checkpointId, (kept.get(checkpointId) ?? new Set()).add(nodeId));
      return { ranks: [{ rank, bytes: 8_000n, newBytes: 4_000n, changedPages: 1n }] };
    },
    drop({ checkpointId }) {
      call(`${nodeId} drop`);
      if (standing.get(nodeId) === checkpointId) standing.delete(nodeId);
      if (captured.get(nodeId) === checkpointId) captured.delete(nodeId);
      return {};
    },
  });
  for (const [rank, nodeId] of nodeIds.entries()) await serve(migrationv1.CheckpointAgentService, agent(nodeId, rank), nodeId);
  await serve(storagev1.SnapshotService, {
    removeSnapshot({ checkpointId }) {
      call('storage remove');
      kept.delete(checkpointId);
      return {};
    },
  });
  const { RUNNING, EXITED } = jobv1.RankState;
  await serve(jobv1.JobService, {
    getJob: ({ id }) => {
      if (id !== 'job-1') throw new ConnectError(`there is no job ${id}`, Code.NotFound);
      const ranks = nodeIds.map((nodeId, rank) => ({
        rank,
        nodeId,
        vmId: `vm-${rank}`,
        state: job.ended && rank === 1 ? EXITED : RUNNING,
      }));
      return { job: { id, state: job.state, attempt: job.attempt, ranks } };
    },
  });
  await serve(vmv1.VmService, { getVm: ({ id }) => ({ vm: { id, tenant: 'default' } }) });
  const fates: { fate: Fate } = { fate: () => false };
  const lives: Mortal[] = [];
  const begin = (): Promise<RunningService> => {
    const life = mortal(bus, store, (moment) => lives.at(-1) === life && fates.fate(moment));
    lives.push(life);
    const checkpoints = { undoMs: 2_000, retention: { mostPerJob: 2, most: 10 } };
    return startMigrationController({ ...context, bus: life.bus }, { store: life.store, checkpoints });
  };
  let controller = await begin();
  const client = bus.client(migrationv1.CheckpointService);
  const get = async (id: string): Promise<migrationv1.Checkpoint | undefined> =>
    (await client.getCheckpoint({ id }).catch(() => undefined))?.checkpoint;
  return {
    ...{ clock, store, calls, failing, kept, standing, bases, job },
    get life() {
      return lives.at(-1)!;
    },
    get fate() {
      return fates.fate;
    },
    set fate(fate) {
      fates.fate = fate;
    },
    save: async () => (await client.checkpointJob({ jobId: 'job-1' })).checkpoint?.id ?? '',
    cancel: (id) => client.cancelCheckpoint({ id }),
    remove: (id) => client.removeCheckpoint({ id }),
    list: async () => (await client.listCheckpoints({})).checkpoints,
    async toItsEnd(id) {
      for (let turn = 0; turn < 3_000; turn++) {
        if (lives.at(-1)?.dead === true) {
          fates.fate = () => false;
          controller = await begin();
        }
        const checkpoint = await get(id);
        if (checkpoint !== undefined && over.has(checkpoint.phase)) return checkpoint;
        if (turn % 10 === 9) await clock.advance(250);
        await new Promise((resolve) => setImmediate(resolve));
      }
      throw new Error(`${id} does not end; last were ${calls.slice(-6).join(', ')}`);
    },
    story: async (id) => (await store.readStream(id)).map(({ event }) => event.type),
    stop: async () => {
      await controller.stop();
      await context.dispose();
    },
  };
}
