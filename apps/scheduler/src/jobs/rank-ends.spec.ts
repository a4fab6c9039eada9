import type { RankEnd } from '@verbena/domain-job';
import { describe, expect, it } from 'vitest';
import type { JobRequest, JobResult, Jobs } from './jobs.ts';
import { RankEnds } from './rank-ends.ts';

const end = (rank: number): RankEnd => ({
  rank,
  vmId: `vm-${rank}`,
  cause: 'exited',
  exitCode: 0,
  detail: '',
  bytesSent: 0,
  messagesSent: 0,
  vmmOperations: 0,
  dataPathVmmOperations: 0,
  cpuSeconds: 0,
  memoryBytesUsed: 0,
  outputFiles: 0,
});
const accepted: JobResult = { ok: true, state: { status: 'none' }, events: [] };
const refused: JobResult = { ok: false, reason: 'unknown-rank', detail: 'no such rank' };

/** Jobs whose appends take a turn of the event loop, and refuse what holds a rank of 99. */
function slowJobs(fail = false): { jobs: Pick<Jobs, 'execute'>; batches: number[][] } {
  const batches: number[][] = [];
  const execute = async (_id: string, commands: readonly JobRequest[]): Promise<JobResult> => {
    const ranks = commands.flatMap((command) => (command.type === 'RecordRankEnd' ? [command.data.rank] : []));
    batches.push(ranks);
    await new Promise((resolve) => setImmediate(resolve));
    if (fail) throw new Error('the disk is full');
    return ranks.includes(99) ? refused : accepted;
  };
  return { jobs: { execute }, batches };
}

describe('ends of ranks', () => {
  it('that arrive during an append go together with the next', async () => {
    const { jobs, batches } = slowJobs();
    const ends = new RankEnds(jobs);
    await Promise.all([0, 1, 2, 3].map((rank) => ends.record('job-1', end(rank))));
    expect(batches).toEqual([[0], [1, 2, 3]]);
    await ends.record('job-1', end(4));
    expect(batches.at(-1)).toEqual([4]);
  });

  it('that are refused take no others with them', async () => {
    const { jobs, batches } = slowJobs();
    const ends = new RankEnds(jobs);
    const results = await Promise.all([0, 1, 99, 2].map((rank) => ends.record('job-1', end(rank))));
    expect(results.map(({ ok }) => ok)).toEqual([true, true, false, true]);
    expect(batches).toEqual([[0], [1, 99, 2], [1], [99], [2]]);
  });

  it('that cannot be written fail for whoever reported them, and the next is tried', async () => {
    const { jobs } = slowJobs(true);
    const ends = new RankEnds(jobs);
    const results = await Promise.allSettled([0, 1, 2].map((rank) => ends.record('job-1', end(rank))));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(ends.record('job-1', end(3))).rejects.toThrow('disk is full');
  });
});
