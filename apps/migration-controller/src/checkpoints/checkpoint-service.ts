import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { jobv1, type migrationv1 } from '@verbena/contracts';
import { checkpointSettled, isLiveCheckpoint, type KnownCheckpoint } from '@verbena/domain-checkpoint';
import { suffix } from '@verbena/ids';
import { callContext, seesTenant } from '@verbena/messaging';
import { pageOf } from '@verbena/service-kit';
import { findVm } from '../cluster-facts.ts';
import { changeOf } from '../run/change-of.ts';
import { checkpointView } from './checkpoint-view.ts';
import type { CheckpointRequest } from './checkpoints.ts';
import { obstacle } from './steps.ts';
import type { CheckpointPorts } from './work.ts';

export interface CheckpointServiceParts extends CheckpointPorts {
  readonly random: (bytes: number) => Uint8Array;
  /** Starts the run of a checkpoint that is in the log. */
  readonly start: (id: string) => void;
}

const callMs = 5_000;

export function checkpointService(parts: CheckpointServiceParts): ServiceImpl<typeof migrationv1.CheckpointService> {
  const { checkpoints, waits } = parts;
  const view = (id: string): migrationv1.Checkpoint => checkpointView(id, checkpoints.known(id), waits.get(id));
  /** @throws {ConnectError} NOT_FOUND, also when it is another tenant's */
  const found = (id: string): KnownCheckpoint => {
    const state = checkpoints.get(id);
    if (state === undefined || !seesTenant(callContext(), state.tenant))
      throw new ConnectError(`there is no checkpoint ${JSON.stringify(id.slice(0, 80))}`, Code.NotFound);
    return state;
  };
  const decide = async (id: string, request: CheckpointRequest): Promise<{ checkpoint: migrationv1.Checkpoint }> => {
    const result = await checkpoints.execute(id, request);
    if (!result.ok) throw new ConnectError(result.detail, Code.FailedPrecondition);
    return { checkpoint: view(id) };
  };
  return {
    async checkpointJob({ jobId, reason }) {
      const id = await begin(parts, jobId, reason);
      return { checkpoint: view(id) };
    },
    getCheckpoint({ id }) {
      found(id);
      return { checkpoint: view(id) };
    },
    listCheckpoints({ jobId, pageSize, pageToken }) {
      const caller = callContext();
      const newestFirst = checkpoints
        .all()
        .toReversed()
        .filter(([, state]) => seesTenant(caller, state.tenant) && (jobId === '' || state.jobId === jobId));
      const { items, nextPageToken } = pageOf(newestFirst, ([id]) => id, pageSize, pageToken);
      return { checkpoints: items.map(([id]) => view(id)), nextPageToken };
    },
    async *watchCheckpoint({ id }, { signal }) {
      found(id);
      for (;;) {
        const changed = changeOf(checkpoints, id, signal);
        yield { checkpoint: view(id) };
        if (checkpointSettled(checkpoints.known(id))) return;
        await changed;
      }
    },
    cancelCheckpoint({ id, reason }) {
      found(id);
      const why = reason === '' ? `cancelled by ${callContext().actor}` : reason;
      return decide(id, { type: 'UndoCheckpoint', data: { cause: 'cancelled', reason: why } });
    },
    async removeCheckpoint({ id }) {
      found(id);
      const removed = await decide(id, { type: 'RemoveCheckpoint', data: { reason: `removed by ${callContext().actor}` } });
      parts.start(id);
      return removed;
    },
  };
}

/** On the caller's behalf: another tenant's job does not exist for it. */
async function begin(parts: CheckpointServiceParts, jobId: string, reason: string): Promise<string> {
  const { bus, checkpoints, random, start } = parts;
  const { job } = await bus.client(jobv1.JobService).getJob({ id: jobId }, { timeoutMs: callMs });
  if (job === undefined) throw new ConnectError(`there is no job ${JSON.stringify(jobId)}`, Code.NotFound);
  const why = obstacle(job);
  if (why !== undefined) throw new ConnectError(why, Code.FailedPrecondition);
  const ofJob = checkpoints.all().filter(([, state]) => state.jobId === jobId);
  const underWay = ofJob.find(([, state]) => isLiveCheckpoint(state) && state.status !== 'removing');
  if (underWay !== undefined) throw new ConnectError(`${jobId} is being saved already, by ${underWay[0]}`, Code.FailedPrecondition);
  const base = ofJob.findLast(([, state]) => state.status === 'stored' && state.attempt === job.attempt)?.[0] ?? '';
  // Whoever sees everything may save another tenant's job: the checkpoint is that tenant's.
  const { tenant } = await findVm(bus, job.ranks[0]?.vmId ?? '');
  const { actor } = callContext();
  const plan = {
    ...{ jobId, base, tenant, attempt: job.attempt, ranks: job.ranks.length },
    number: Math.max(0, ...ofJob.map(([, state]) => state.number)) + 1,
    reason: reason === '' ? `asked for by ${actor}` : reason,
  };
  const id = `ckpt-${suffix(random)}`;
  const result = await checkpoints.execute(id, { type: 'StartCheckpoint', data: plan });
  if (!result.ok) throw new ConnectError(result.detail, Code.Aborted);
  start(id);
  return id;
}
