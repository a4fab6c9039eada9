/**
 * How a job ends, as a table, once it is decided that it does. None of the steps leaves an event but the last, so another scheduler that takes over
 * does them all again, and each comes to the same.
 */
import type { KnownJob } from '@verbena/domain-job';
import { hasEnded } from '@verbena/domain-job';
import type { SagaTable } from '@verbena/event-sourcing';
import type { JobRequest } from '../jobs/jobs.ts';
import { free, seal, stopOnNodes } from './stop.ts';
import type { Work } from './work.ts';

/** Its ranks have all ended by themselves, and their VMs are idle: there is nothing to stop. */
const clean = (job: KnownJob): boolean => job.status === 'ending' && job.end.cause === 'exited';

const nothing = async (step: Promise<void>): Promise<readonly JobRequest[]> => {
  await step;
  return [];
};

export const endSaga: SagaTable<KnownJob, Work, JobRequest> = [
  {
    name: 'stop',
    done: (job) => clean(job) || hasEnded(job),
    key: ({ jobId, starts }) => `${jobId}/${starts}`,
    do: (work, signal) => nothing(stopOnNodes(work, signal)),
  },
  {
    // Whoever waits for a core need not wait for storage.
    name: 'free',
    done: hasEnded,
    key: ({ jobId }) => jobId,
    do: (work) => nothing(free(work)),
  },
  {
    // A job whose output nobody has sealed has not ended: followers would wait for more.
    name: 'collect',
    done: hasEnded,
    key: ({ jobId }) => jobId,
    do: (work) => nothing(seal(work)),
  },
  {
    name: 'finish',
    done: hasEnded,
    key: ({ jobId }) => jobId,
    do: () => Promise.resolve([{ type: 'FinishJob', data: {} }]),
  },
];
