/**
 * A cluster as checkpoints see it: two nodes with a rank each, which stand, are captured, go on and are stored by saying so. It watches what must always hold:
 * nobody goes on before everybody has been captured, if the checkpoint is to count; and what does not count leaves nothing behind.
 */
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { jobv1, migrationv1, storagev1, vmv1 } from '@verbena/contracts';
import { Stage } from './stage.ts';

export interface SavingWorld extends Stage {
  /** By checkpoint: the nodes whose parts storage has. */
  readonly kept: Map<string, Set<string>>;
  /** Nodes whose ranks stand still, and for which checkpoint. */
  readonly standing: Map<string, string>;
  /** The base that each capture was told. */
  readonly bases: string[];
  job: { state: jobv1.JobState; attempt: number; ended: boolean };
  save(): Promise<string>;
  cancel(id: string): Promise<unknown>;
  remove(id: string): Promise<unknown>;
  list(): Promise<readonly migrationv1.Checkpoint[]>;
  /** Lets everything go on until nothing is left to do for a checkpoint; a controller that has died has a successor. */
  toItsEnd(id: string): Promise<migrationv1.Checkpoint>;
}

const nodeIds = ['node-0', 'node-1'];
const over = new Set(['stored', 'failed', 'cancelled', 'removed']);

export async function savingWorld(): Promise<SavingWorld> {
  const stage = await Stage.open();
  const { bus } = stage;
  const kept = new Map<string, Set<string>>();
  const standing = new Map<string, string>();
  const captured = new Map<string, string>();
  const bases: string[] = [];
  const job = { state: jobv1.JobState.RUNNING, attempt: 1, ended: false };
  const call = (what: string): void => stage.call(what);
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
  for (const [rank, nodeId] of nodeIds.entries()) await stage.serve(migrationv1.CheckpointAgentService, agent(nodeId, rank), nodeId);
  await stage.serve(storagev1.SnapshotService, {
    removeSnapshot({ checkpointId }) {
      call('storage remove');
      kept.delete(checkpointId);
      return {};
    },
  });
  const { RUNNING, EXITED } = jobv1.RankState;
  await stage.serve(jobv1.JobService, {
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
  await stage.serve(vmv1.VmService, { getVm: ({ id }) => ({ vm: { id, tenant: 'default' } }) });
  await stage.begin({ checkpoints: { undoMs: 2_000, retention: { mostPerJob: 2, most: 10 } } });
  const client = bus.client(migrationv1.CheckpointService);
  const get = async (id: string): Promise<migrationv1.Checkpoint | undefined> =>
    (await client.getCheckpoint({ id }).catch(() => undefined))?.checkpoint;
  const own: Omit<SavingWorld, keyof Stage> = {
    ...{ kept, standing, bases, job },
    save: async () => (await client.checkpointJob({ jobId: 'job-1' })).checkpoint?.id ?? '',
    cancel: (id) => client.cancelCheckpoint({ id }),
    remove: (id) => client.removeCheckpoint({ id }),
    list: async () => (await client.listCheckpoints({})).checkpoints,
    toItsEnd: (id) => stage.untilOver(id, over, get),
  };
  return Object.assign(stage, own);
}
