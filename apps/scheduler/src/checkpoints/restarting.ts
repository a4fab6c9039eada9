/** A job that goes on from a checkpoint of another one: what is to run was decided when that one was submitted. */
import { Code, ConnectError } from '@connectrpc/connect';
import type { JobSpec, KnownJob } from '@verbena/domain-job';
import { callContext, seesTenant } from '@verbena/messaging';
import type { RunPorts } from '../run/ports.ts';

/** The job that a checkpoint is of. @throws ConnectError NOT_FOUND, also for another tenant's */
export async function originOf({ checkpoints, jobs }: RunPorts, id: string): Promise<KnownJob> {
  const stored = await checkpoints.find(id);
  const origin = stored === undefined ? undefined : jobs.known(stored.jobId);
  if (origin === undefined || !seesTenant(callContext(), origin.tenant))
    throw new ConnectError(`there is no checkpoint ${JSON.stringify(id.slice(0, 80))} to go on from`, Code.NotFound);
  return origin;
}

/** What was saved runs as it was; how it is placed and bounded, and what becomes of it, is said anew. */
export function restartedSpec(wanted: JobSpec, origin: JobSpec): JobSpec {
  const { name, walltimeMs, placementPolicy, priority, onNodeLoss = 'fail', maxRequeues = 0 } = wanted;
  const { checkpointEveryMs = 0, restartFrom = '', ioShare } = wanted;
  return {
    ...origin,
    ...{ name, walltimeMs, placementPolicy, priority, onNodeLoss, maxRequeues, checkpointEveryMs, restartFrom },
    ...(ioShare !== undefined && { ioShare }),
    // What is left of it is in the checkpoint.
    stdin: '',
  };
}
