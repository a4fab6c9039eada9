import { jobv1 } from '@verbena/contracts';
import { afterEach, describe, expect, it } from 'vitest';
import { testCluster, type TestCluster } from './testing/cluster.ts';

const { JobState, RankState, EndCause } = jobv1;

describe('a job on four hosts with two cores each', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.stop());

  it('is matched, placed, distributed, booted and run, and its story is in the log', async () => {
    cluster = await testCluster([2, 2, 2, 2]);
    const { id } = await cluster.submit({ processes: 8, args: ['--size', '4'] });
    const running = await cluster.until(id, JobState.RUNNING);
    expect(running.ranks.map(({ nodeId }) => nodeId)).toEqual([
      'node-0',
      'node-0',
      'node-1',
      'node-1',
      'node-2',
      'node-2',
      'node-3',
      'node-3',
    ]);
    expect(running.ranks.every(({ state }) => state === RankState.RUNNING)).toBe(true);
    const done = await cluster.finish(id);
    expect(done).toMatchObject({ state: JobState.COMPLETED, exitCode: 0, endCause: EndCause.EXITED, vmsBooted: 8, vmsReused: 0 });
    expect(done.imageBytesTransferred).toBe(4000n);
    expect(done.ranks.every(({ state, bytesSent }) => state === RankState.EXITED && bytesSent === 64n)).toBe(true);
    expect(Object.keys(done.phaseSeconds).sort()).toEqual(['boot', 'distribute', 'queue', 'run']);
    expect(cluster.sealed).toEqual([id]);
    const story = await cluster.story(id);
    expect(story.filter((type) => type.startsWith('Job'))).toEqual([
      'JobSubmitted',
      'JobMatched',
      'JobPlaced',
      'JobImageReady',
      'JobStarted',
      'JobEnding',
      'JobCompleted',
    ]);
    expect(story.filter((type) => type === 'VmBooted')).toHaveLength(8);
    expect(story.filter((type) => type === 'RankExited')).toHaveLength(8);
  });

  it('boots no VM and transfers nothing when it comes a second time', async () => {
    cluster = await testCluster([2, 2, 2, 2]);
    const first = await cluster.submit({ processes: 8 });
    await cluster.finish(first.id);
    const second = await cluster.submit({ processes: 8 });
    const done = await cluster.finish(second.id);
    expect(done).toMatchObject({ state: JobState.COMPLETED, vmsBooted: 0, vmsReused: 8, imageBytesTransferred: 0n });
    expect(cluster.images.distributions).toHaveLength(1);
  });

  it('tells a watcher of every state, and ends the watch with the job', async () => {
    cluster = await testCluster([2]);
    const { id } = await cluster.submit();
    const seen: jobv1.JobState[] = [];
    const watching = (async () => {
      for await (const { job } of cluster.jobs().watchJob({ id })) if (job !== undefined) seen.push(job.state);
    })();
    await cluster.until(id, JobState.RUNNING);
    await cluster.clock.advance(100);
    await cluster.finish(id);
    await cluster.clock.advance(100);
    await watching;
    expect(seen.at(-1)).toBe(JobState.COMPLETED);
    expect(seen).toContain(JobState.RUNNING);
  });

  it('hands every rank the cards of all', async () => {
    cluster = await testCluster([1, 1]);
    const { id } = await cluster.submit();
    await cluster.until(id, JobState.RUNNING);
    const jobs = cluster.jobs();
    const both = [0, 1].map((rank) =>
      jobs.rendezvous({ jobId: id, nodeId: `node-${rank}`, generation: 0, cards: { [rank]: Uint8Array.of(rank + 1) } }),
    );
    for (const { cards } of await Promise.all(both)) expect(cards).toEqual({ 0: Uint8Array.of(1), 1: Uint8Array.of(2) });
    await expect(jobs.rendezvous({ jobId: id, nodeId: 'node-0', generation: 1, cards: { 1: Uint8Array.of(9) } })).rejects.toThrow(
      /does not run there/,
    );
    await cluster.finish(id);
  });
});
