import { jobv1 } from '@verbena/contracts';
import { afterEach, describe, expect, it } from 'vitest';
import { testCluster, type TestCluster } from './testing/cluster.ts';

const { JobState, RankState, EndCause } = jobv1;
const over = [JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED];

let cluster: TestCluster;
afterEach(() => cluster.stop());

async function running(processes = 2): Promise<string> {
  const { id } = await cluster.submit({ processes });
  await cluster.until(id, JobState.RUNNING);
  await cluster.eventually('all ranks run', () => cluster.agents.reduce((sum, agent) => sum + agent.ranksOf(id).length, 0) === processes);
  return id;
}

/** Whatever happened to a job, the next one must find all cores. */
async function nextJobRuns(processes = 2): Promise<void> {
  for (const agent of cluster.agents) await agent.heartbeat().catch(() => undefined);
  const { id } = await cluster.submit({ processes });
  expect((await cluster.finish(id)).state).toBe(JobState.COMPLETED);
}

describe('a rank that ends badly ends the job', () => {
  it.each([
    ['exits with a code', EndCause.EXIT_NONZERO, 42, 42, /rank 1 exited with code 42/],
    ['exits with a code that is 0 in a byte', EndCause.EXIT_NONZERO, 256, 1, /code 256/],
    ['traps', EndCause.TRAPPED, 134, 134, /rank 1 crashed/],
    ['calls MPI_Abort', EndCause.MPI_ABORT, 7, 7, /rank 1 called MPI_Abort with code 7/],
    ['leaves without MPI_Finalize', EndCause.NO_FINALIZE, 0, 1, /without calling MPI_Finalize/],
    ['runs out of memory', EndCause.OUT_OF_MEMORY, 1, 137, /more memory/],
    ['writes too much', EndCause.OUTPUT_LIMIT, 1, 153, /output/],
    ['is killed by its host', EndCause.CANCELLED, 137, 75, /was killed/],
  ])('that %s', async (_what, cause, exitCode, expected, reason) => {
    cluster = await testCluster([1, 1]);
    const id = await running();
    await cluster.agent(1).exit(id, 1, { cause, exitCode, detail: 'the report' });
    const job = await cluster.until(id, ...over);
    expect(job).toMatchObject({ state: JobState.FAILED, exitCode: expected });
    expect(job.reason).toMatch(reason);
    expect(job.reason).toContain('the report');
    expect(job.ranks[0]?.state).toBe(RankState.KILLED);
    expect(cluster.agent(0).calls.at(-1)).toBe('stop and destroy');
    expect(await cluster.vms()).toEqual([]);
    expect(cluster.sealed).toEqual([id]);
    await nextJobRuns();
  });

  it('but one that exits well before the others does not', async () => {
    cluster = await testCluster([1, 1]);
    const id = await running();
    await cluster.agent(0).exit(id, 0);
    expect((await cluster.job(id)).state).toBe(JobState.RUNNING);
    await cluster.agent(1).exit(id, 1);
    expect(await cluster.until(id, ...over)).toMatchObject({ state: JobState.COMPLETED, exitCode: 0 });
  });

  it('once: what the others report while they are stopped does not change the cause', async () => {
    cluster = await testCluster([2]);
    const id = await running();
    await cluster.agent(0).exit(id, 0, { cause: EndCause.MPI_ABORT, exitCode: 3 });
    await cluster.agent(0).exit(id, 1, { cause: EndCause.TRAPPED, exitCode: 134 });
    expect(await cluster.until(id, ...over)).toMatchObject({ endCause: EndCause.MPI_ABORT, exitCode: 3 });
  });
});

it('a failure that another rank explains is put down to that rank', async () => {
  cluster = await testCluster([1, 1]);
  const id = await running();
  // The one that loses its peer is reported first.
  await Promise.all([
    cluster.agent(0).exit(id, 0, { cause: EndCause.INTERNAL, exitCode: 70, detail: 'the rendezvous failed' }),
    cluster.agent(1).exit(id, 1, { cause: EndCause.NO_FINALIZE, exitCode: 3 }),
  ]);
  const job = await cluster.until(id, ...over);
  expect(job).toMatchObject({ endCause: EndCause.NO_FINALIZE, exitCode: 3 });
  expect(job.reason).toMatch(/^rank 1 exited with code 3 without/);
});

describe('limits', () => {
  it('end a job that runs longer than its walltime', async () => {
    cluster = await testCluster([2]);
    const { id } = await cluster.submit({ walltime: { seconds: 5n, nanos: 0 } });
    await cluster.until(id, JobState.RUNNING);
    await cluster.clock.advance(4_900);
    expect((await cluster.job(id)).state).toBe(JobState.RUNNING);
    await cluster.clock.advance(200);
    expect(await cluster.until(id, ...over)).toMatchObject({ endCause: EndCause.WALLTIME, exitCode: 124 });
    expect((await cluster.job(id)).reason).toMatch(/walltime of 5 s/);
    await nextJobRuns();
  });

  it('end a job when all its ranks wait and nothing moves', async () => {
    cluster = await testCluster([2]);
    const id = await running();
    await cluster.agent(0).block(id, 0, 'MPI_Recv(source=1, tag=7)');
    await cluster.clock.advance(5_000);
    expect((await cluster.job(id)).state).toBe(JobState.RUNNING);
    await cluster.agent(0).block(id, 1, 'MPI_Recv(source=0, tag=7)');
    await cluster.clock.advance(2_000);
    const job = await cluster.until(id, ...over);
    expect(job).toMatchObject({ state: JobState.FAILED, endCause: EndCause.DEADLOCK, exitCode: 123 });
    expect(job.reason.split('\n')).toEqual([
      'deadlock: all 2 ranks wait, and nothing is on its way to any of them',
      'rank 0 waits in MPI_Recv(source=1, tag=7)',
      'rank 1 waits in MPI_Recv(source=0, tag=7)',
    ]);
    await nextJobRuns();
  });

  it('let a job go on whose ranks wait but move now and then', async () => {
    cluster = await testCluster([2]);
    const id = await running();
    for (let activity = 1n; activity < 6n; activity++) {
      await cluster.agent(0).block(id, 0, 'MPI_Recv', activity);
      await cluster.agent(0).block(id, 1, 'MPI_Recv', activity);
      await cluster.clock.advance(1_000);
    }
    await cluster.agent(0).block(id, 0, '', 9n, false);
    await cluster.clock.advance(10_000);
    expect((await cluster.job(id)).state).toBe(JobState.RUNNING);
  });

  it('find the deadlock of those that are left when the others have ended', async () => {
    cluster = await testCluster([2]);
    const id = await running();
    await cluster.agent(0).block(id, 1, 'MPI_Barrier');
    await cluster.agent(0).exit(id, 0);
    await cluster.clock.advance(2_000);
    const job = await cluster.until(id, ...over);
    expect(job.endCause).toBe(EndCause.DEADLOCK);
    expect(job.reason).toMatch(/1 of 2 ranks wait, the others have ended/);
  });

  it('fail the rendezvous that a rank can no longer come to', async () => {
    cluster = await testCluster([1, 1]);
    const id = await running();
    const waiting = cluster.jobs().rendezvous({ jobId: id, nodeId: 'node-0', generation: 0, cards: { 0: Uint8Array.of(1) } });
    const refused = expect(waiting).rejects.toThrow(/rank 1 has ended/);
    await cluster.agent(1).exit(id, 1);
    await refused;
  });
});

describe('a cancelled job', () => {
  const cancelled = async (id: string): Promise<void> => {
    await cluster.cancel(id);
    expect(await cluster.until(id, ...over)).toMatchObject({ state: JobState.CANCELLED, exitCode: 130, endCause: EndCause.CANCELLED });
  };

  it('leaves the queue', async () => {
    cluster = await testCluster([2]);
    const first = await running();
    const { id } = await cluster.submit();
    await cancelled(id);
    await cluster.finish(first);
    await nextJobRuns();
  });

  it('is not waited for while its image is distributed', async () => {
    cluster = await testCluster([2]);
    const gate = Promise.withResolvers<void>();
    cluster.images.gate = gate.promise;
    const { id } = await cluster.submit();
    await cluster.until(id, JobState.DISTRIBUTING);
    await cluster.eventually('progress shows', async () => (await cluster.job(id)).distribution?.nodesTotal === 1);
    await cancelled(id);
    gate.resolve();
    cluster.images.gate = undefined;
    await nextJobRuns();
  });

  it('takes the VMs with it that were booting', async () => {
    cluster = await testCluster([2]);
    const gate = Promise.withResolvers<void>();
    cluster.agent(0).bootGate = gate.promise;
    const { id } = await cluster.submit();
    await cluster.until(id, JobState.BOOTING);
    await cluster.eventually('two VMs boot', () => cluster.agent(0).vms.size === 2);
    await cluster.cancel(id);
    gate.resolve();
    await cluster.until(id, JobState.CANCELLED);
    expect(await cluster.vms()).toEqual([]);
    await nextJobRuns();
  });

  it('is stopped while it runs', async () => {
    cluster = await testCluster([2]);
    const id = await running();
    await cancelled(id);
    expect(await cluster.vms()).toEqual([]);
    await nextJobRuns();
  });

  it('ends in bounded time when a node does not answer', async () => {
    cluster = await testCluster([2], { stopTimeoutMs: 50, stopPatienceMs: 50 });
    const id = await running();
    cluster.agent(0).deaf = true;
    await cluster.cancel(id);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await cluster.clock.advance(2_500);
    await cluster.until(id, JobState.CANCELLED);
  });

  it('stays as it is when it is cancelled again, or was over before', async () => {
    cluster = await testCluster([2]);
    const id = await running();
    await cancelled(id);
    const before = await cluster.story(id);
    await cluster.cancel(id);
    expect(await cluster.story(id)).toEqual(before);
    await expect(cluster.cancel('job-nowhere')).rejects.toThrow(/no job "job-nowhere"/);
  });
});

describe('what goes wrong around a job', () => {
  it('a VM that does not boot', async () => {
    cluster = await testCluster([1, 1]);
    cluster.agent(1).bootError = 'no memory left on the host';
    const { id } = await cluster.submit();
    const job = await cluster.until(id, ...over);
    expect(job).toMatchObject({ state: JobState.FAILED, endCause: EndCause.BOOT_FAILED, exitCode: 71 });
    expect(job.reason).toMatch(/did not boot on host node-1: no memory left/);
    expect(await cluster.vms()).toEqual([]);
    cluster.agent(1).bootError = undefined;
    await nextJobRuns();
  });

  it('an image that cannot be distributed', async () => {
    cluster = await testCluster([2]);
    cluster.images.distributionError = 'node-0 (disk full)';
    const { id } = await cluster.submit();
    const job = await cluster.until(id, ...over);
    expect(job).toMatchObject({ state: JobState.FAILED, endCause: EndCause.BOOT_FAILED });
    expect(job.reason).toMatch(/could not be brought to the nodes.*disk full/);
    cluster.images.distributionError = undefined;
    await nextJobRuns();
  });

  it('ranks that cannot be started', async () => {
    cluster = await testCluster([1, 1]);
    cluster.agent(0).startError = 'a chunk of an input file is missing';
    const { id } = await cluster.submit();
    const job = await cluster.until(id, ...over);
    expect(job).toMatchObject({ state: JobState.FAILED, endCause: EndCause.INTERNAL, exitCode: 70 });
    expect(job.reason).toMatch(/ranks on host node-0 could not be started.*input file/);
    cluster.agent(0).startError = undefined;
    await nextJobRuns();
  });

  it('a node that is gone before the job has started: the job is placed anew on the others', async () => {
    cluster = await testCluster([1, 1, 1]);
    await cluster.agent(1).die();
    const { id } = await cluster.submit();
    const job = await cluster.finish(id);
    expect(job).toMatchObject({ state: JobState.COMPLETED, vmsBooted: 1, vmsReused: 1 });
    expect(job.ranks.map(({ nodeId }) => nodeId)).toEqual(['node-0', 'node-2']);
    expect(await cluster.story(id)).toContain('JobRequeued');
  });

  it('a node that falls silent', async () => {
    cluster = await testCluster([1, 1], { nodeLostAfterMs: 4_000 });
    const id = await running();
    await cluster.agent(1).die();
    for (let second = 0; second < 7; second++) {
      await cluster.agent(0).heartbeat();
      await cluster.clock.advance(1_000);
    }
    await cluster.clock.advance(2_500);
    const job = await cluster.until(id, ...over);
    expect(job).toMatchObject({ state: JobState.FAILED, endCause: EndCause.NODE_LOST, exitCode: 75 });
    expect(job.reason).toMatch(/node host node-1 was lost: nothing was heard of it/);
    const { nodes } = await cluster.nodes().listNodes({});
    expect(nodes.map(({ state }) => state)).toEqual([1, 3]);
    expect(await cluster.vms()).toEqual([]);
    // Alone, the other node is too small, and the next job is told at once.
    const next = await cluster.submit();
    expect((await cluster.until(next.id, ...over)).reason).toMatch(/need 2 cores; the cluster has 1/);
  });

  it('a node that was restarted: its jobs end, its VMs are written off, and it works again', async () => {
    cluster = await testCluster([2]);
    const id = await running();
    const agent = cluster.agent(0);
    const old = agent.epoch;
    agent.vms.clear();
    agent.running.clear();
    await agent.register();
    expect(agent.epoch).toBeGreaterThan(old);
    expect(await cluster.until(id, ...over)).toMatchObject({ endCause: EndCause.NODE_LOST });
    await cluster.eventually('no VM is left', async () => (await cluster.vms()).length === 0);
    await nextJobRuns();
  });
});
