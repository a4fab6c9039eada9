/**
 * How a job starts, as a table: from its submission until its ranks run. Every step may be repeated: VMs are known by their ids, starts by job and
 * attempt, and those who carry them out answer a repetition like the first request.
 *
 * `connect` leaves no event, so it is repeated when another scheduler takes over: node-agents go on with the ranks that they run, and tell the
 * business cards that those have brought.
 */
import type { SagaTable } from '@verbena/event-sourcing';
import type { KnownJob } from '@verbena/domain-job';
import type { JobRequest } from '../jobs/jobs.ts';
import { bootVms, connect, distribute, match, stillThere } from './bring-up.ts';
import { free, stopOnNodes } from './stop.ts';
import type { Work } from './work.ts';

/** In the order of a job's way. */
const ranks = { queued: 0, distributing: 1, booting: 2, running: 3 } as const;

/** Whether the job has got beyond a status; of one that ends or is requeued nothing is left to do. */
function beyond(job: KnownJob, status: keyof typeof ranks): boolean {
  return job.status in ranks ? ranks[job.status as keyof typeof ranks] > ranks[status] : true;
}

const allReused = ({ assignments }: KnownJob): boolean => assignments.every(({ reused }) => reused);

export const startSaga: SagaTable<KnownJob, Work, JobRequest> = [
  {
    name: 'match',
    done: (job) => job.match !== undefined || beyond(job, 'queued'),
    key: ({ jobId }) => jobId,
    do: match,
  },
  {
    name: 'place',
    done: (job) => beyond(job, 'queued'),
    key: ({ jobId, placements }) => `${jobId}/${placements + 1}`,
    // The queue writes the placement itself, so that it can go on with the next job meanwhile.
    do: async ({ ports, jobId }) => {
      await ports.queue.enter(jobId);
      return [];
    },
    undo: async (work) => {
      work.ports.queue.leave(work.jobId);
      await free(work);
    },
  },
  {
    name: 'distribute',
    done: (job) => beyond(job, 'distributing'),
    key: ({ jobId, placements }) => `${jobId}/${placements}`,
    do: async (work, signal) => {
      await stillThere(work);
      return [{ type: 'RecordImageReady', data: await distribute(work, signal) }];
    },
    // Where every VM is there already, that is written together with the start.
    lazy: allReused,
  },
  {
    name: 'boot',
    done: (job) => allReused(job) || beyond(job, 'booting'),
    key: ({ assignments }) => assignments.map(({ vmId }) => vmId).join(),
    do: bootVms,
    tries: 5,
  },
  {
    name: 'start',
    done: (job) => beyond(job, 'booting'),
    key: ({ jobId, starts }) => `${jobId}/${starts + 1}`,
    // From the moment that this is in the log, only its policy lets the job run again.
    do: async ({ ports, jobId, job }) => {
      const restoredFrom = await ports.checkpoints.startOf(job());
      return [{ type: 'StartJob', data: { pkey: ports.pkeys.take(jobId), restoredFrom } }];
    },
  },
  {
    name: 'connect',
    done: (job) => job.status !== 'running',
    key: ({ jobId, starts }) => `${jobId}/${starts}`,
    do: connect,
    undo: stopOnNodes,
  },
];
