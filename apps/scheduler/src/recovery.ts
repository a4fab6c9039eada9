/**
 * What a start finds in the log. A job whose ranks may have run is ended, since running it twice could do harm; one that had not got so far goes
 * back to the queue, and keeps its place there. VMs of the former life are written off when their node registers, or is found lost.
 */
import { storagev1 } from '@verbena/contracts';
import type { RunPorts } from './run/ports.ts';
import { messageOf } from './run/failure.ts';

export interface Recovered {
  /** Jobs that wait for a run, in the order in which they were submitted. */
  readonly toRun: readonly string[];
  readonly ended: readonly string[];
}

export async function recoverJobs({ jobs }: Pick<RunPorts, 'jobs'>): Promise<Recovered> {
  const toRun: string[] = [];
  const ended: string[] = [];
  for (const { jobId, status } of jobs.live()) {
    if (status === 'running' || status === 'ending') {
      const reason = 'the cluster was stopped while the job ran';
      await jobs.execute(jobId, [
        { type: 'EndJob', data: { cause: 'internal', reason } },
        { type: 'FinishJob', data: {} },
      ]);
      ended.push(jobId);
      continue;
    }
    if (status !== 'queued')
      await jobs.execute(jobId, [
        { type: 'RequeueJob', data: { reason: 'back in the queue: the cluster was stopped before the job had started' } },
      ]);
    toRun.push(jobId);
  }
  return { toRun, ended };
}

const sealMs = 5_000;
const longestDelayMs = 5_000;

/** Seals the output of jobs that a stop of the cluster ended; storage may come up after us. */
export async function sealLater({ bus, clock, log, stopping }: RunPorts, ids: readonly string[]): Promise<void> {
  for (const jobId of ids) {
    for (let delay = 100; !stopping.aborted; delay = Math.min(delay * 2, longestDelayMs)) {
      try {
        await bus.client(storagev1.OutputService).sealOutput({ jobId }, { timeoutMs: sealMs });
        break;
      } catch (error) {
        if (delay === longestDelayMs) log.warn({ job: jobId, error: messageOf(error) }, 'the output of a job could not be sealed yet');
        await clock.sleep(delay, stopping).catch(() => undefined);
      }
    }
  }
}
