/** What the steps of a checkpoint do. */
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Client } from '@connectrpc/connect';
import { jobv1, migrationv1, storagev1 } from '@verbena/contracts';
import type { RankStood } from '@verbena/domain-checkpoint';
import { messageOf } from '../run/work.ts';
import type { CheckpointRequest } from './checkpoints.ts';
import type { CheckpointPorts, Work } from './work.ts';

type Agent = Client<typeof migrationv1.CheckpointAgentService>;
type Said = Promise<readonly CheckpointRequest[]>;

const askAgainMs = 250;

export async function takeTurn(work: Work, signal: AbortSignal): Said {
  work.leave ??= await work.ports.turns.enter(work.checkpoint().jobId, signal);
  return [];
}

/**
 * Has all ranks stand still, captures them, and lets them go on. From the first to the last of these all ranks have stood: every node says so when it lets
 * its ranks go on.
 */
export async function take(work: Work, signal: AbortSignal): Said {
  const { ports, id } = work;
  const { config, checkpoints } = ports;
  const { jobId, attempt, base, quiescingAt } = work.checkpoint();
  if (quiescingAt !== undefined) throw failed('the controller that had the ranks stand still is gone');
  const nodeIds = await nodesOf(work);
  const begun = await checkpoints.execute(id, { type: 'BeginQuiesce', data: { nodeIds } });
  if (!begun.ok) throw failed(begun.detail);
  const epoch = await checkpoints.epoch(id);
  const timeout = durationFromMs(config.quiesceMs);
  const standing = { timeoutMs: config.quiesceMs + config.callMs, signal };
  const stand = await onAll(ports, nodeIds, (agent) => agent.standStill({ checkpointId: id, jobId, attempt, epoch, timeout }, standing));
  checkAll(
    work,
    stand.flatMap(({ ranks }) => ranks),
  );
  const options = { timeoutMs: config.callMs, signal };
  const captured = await onAll(ports, nodeIds, (agent) => agent.capture({ checkpointId: id, base }, options));
  checkAll(
    work,
    captured.flatMap(({ ranks }) => ranks),
  );
  const wentOn = await onAll(ports, nodeIds, (agent) => agent.goOn({ checkpointId: id }, options));
  work.leave?.();
  const stood: readonly RankStood[] = wentOn
    .flatMap(({ ranks }) => ranks)
    .map((rank) => ({ rank: rank.rank, ms: rank.stood === undefined ? 0 : durationMs(rank.stood) }));
  return [{ type: 'RecordTaken', data: { epoch, stood } }];
}

/** Brings the parts of all ranks to storage, while they run. */
export async function store(work: Work, signal: AbortSignal): Said {
  const { ports, id } = work;
  const options = { timeoutMs: ports.config.storeMs, signal };
  const saved = await onAll(ports, work.checkpoint().nodeIds ?? [], (agent) => agent.store({ checkpointId: id }, options));
  const ranks = saved
    .flatMap((node) => node.ranks)
    .map(({ rank, bytes, newBytes, changedPages }) => ({
      ...{ rank, bytes: Number(bytes), newBytes: Number(newBytes) },
      changedPages: Number(changedPages),
    }));
  return [{ type: 'RecordStored', data: { ranks } }];
}

export async function letGoOnNodes(work: Work): Promise<void> {
  const { ports, id } = work;
  const drop = (nodeId: string) => agentOf(ports, nodeId).drop({ checkpointId: id }, { timeoutMs: ports.config.callMs });
  await Promise.all((work.checkpoint().nodeIds ?? []).map((nodeId) => insist(work, nodeId, () => drop(nodeId))));
}

/** Storage is asked until it answers: what it keeps of a checkpoint that is none would be kept for ever. */
export async function letGoInStorage({ ports, id }: Work): Promise<void> {
  await ports.bus.client(storagev1.SnapshotService).removeSnapshot({ checkpointId: id }, { timeoutMs: ports.config.callMs });
}

/** Where the job's ranks are. @throws ConnectError when they are not those that are to be saved */
async function nodesOf(work: Work): Promise<readonly string[]> {
  const { jobId, attempt, ranks } = work.checkpoint();
  const { job } = await work.ports.bus.client(jobv1.JobService).getJob({ id: jobId }, { timeoutMs: work.ports.config.callMs });
  const why = job === undefined ? `there is no job ${jobId}` : obstacle(job);
  if (job === undefined || why !== undefined) throw failed(why ?? '');
  if (job.attempt !== attempt || job.ranks.length !== ranks) throw failed(`${jobId} was started anew since the checkpoint began`);
  return [...new Set(job.ranks.map(({ nodeId }) => nodeId))];
}

/** Why a job cannot be saved now; undefined when nothing stands against it. */
export function obstacle({ id, state, ranks, attempt }: jobv1.Job): string | undefined {
  if (state !== jobv1.JobState.RUNNING || attempt === 0) return `${id} is not running: only a job whose ranks run can be saved`;
  const ended = ranks.find((rank) => rank.state !== jobv1.RankState.RUNNING);
  return ended === undefined ? undefined : `rank ${String(ended.rank)} of ${id} has ended: the job is about to end, too`;
}

function checkAll(work: Work, ranks: readonly number[]): void {
  const there = new Set(ranks);
  const { ranks: wanted, jobId } = work.checkpoint();
  const absent = Array.from({ length: wanted }, (_, rank) => rank).find((rank) => !there.has(rank));
  if (absent !== undefined) throw failed(`rank ${String(absent)} of ${jobId} has ended or moved meanwhile`);
}

function failed(why: string): ConnectError {
  return new ConnectError(why, Code.FailedPrecondition);
}

function agentOf({ bus }: CheckpointPorts, nodeId: string): Agent {
  return bus.client(migrationv1.CheckpointAgentService, nodeId);
}

/** All are asked, and all have answered when the first error is thrown. */
async function onAll<T>(ports: CheckpointPorts, nodeIds: readonly string[], call: (agent: Agent) => Promise<T>): Promise<readonly T[]> {
  const results = await Promise.allSettled(nodeIds.map((nodeId) => call(agentOf(ports, nodeId))));
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

/** Repeats until it is answered, or long enough: ranks that hear of nobody go on by themselves. */
async function insist({ ports, id }: Work, whom: string, call: () => Promise<unknown>): Promise<void> {
  const { clock, config, log, stopping } = ports;
  const end = clock.monotonic() + config.undoMs;
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      stopping.throwIfAborted();
      if (clock.monotonic() + askAgainMs > end) {
        log.warn({ checkpoint: id, whom, error: messageOf(error) }, 'a node could not be told to let go of a checkpoint');
        return;
      }
      await clock.sleep(askAgainMs, stopping);
    }
  }
}
