import type { MessageInitShape } from '@bufbuild/protobuf';
import { jobv1, storagev1 } from '@verbena/contracts';
import { callContext, withCallContext } from '@verbena/messaging';
import { afterEach, describe, expect, it } from 'vitest';
import { testCluster, type TestCluster } from './testing/cluster.ts';
import { serveSome } from './testing/serve-some.ts';

const { JobState, EndCause } = jobv1;
type Spec = MessageInitShape<typeof jobv1.JobSpecSchema>;
const over = [JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED];

let cluster: TestCluster;
afterEach(() => cluster.stop());

describe('the queue', () => {
  it('says at once when the cluster can never run a job', async () => {
    cluster = await testCluster([2, 2]);
    const { id } = await cluster.submit({ processes: 8 });
    const job = await cluster.until(id, ...over);
    expect(job).toMatchObject({ state: JobState.FAILED, endCause: EndCause.UNSATISFIABLE, exitCode: 69 });
    expect(job.reason).toBe('8 VMs of 1 vCPU need 8 cores; the cluster has 4');
  });

  it('keeps a job while nodes may still be registering', async () => {
    cluster = await testCluster([2], { settleMs: 1_000 });
    const { id } = await cluster.submit({ processes: 4 });
    await cluster.eventually('it says why it waits', async () => (await cluster.job(id)).reason !== '');
    expect((await cluster.job(id)).state).toBe(JobState.QUEUED);
    await cluster.clock.advance(1_100);
    expect((await cluster.until(id, ...over)).endCause).toBe(EndCause.UNSATISFIABLE);
  });

  it('holds a job until cores are free, and says why', async () => {
    cluster = await testCluster([2]);
    const first = await cluster.submit();
    await cluster.until(first.id, JobState.RUNNING);
    const second = await cluster.submit();
    await cluster.eventually('it says why it waits', async () => (await cluster.job(second.id)).reason !== '');
    expect((await cluster.job(second.id)).reason).toBe('waits: it needs 2 cores, and 0 of 2 are free');
    await cluster.finish(first.id);
    expect((await cluster.finish(second.id)).vmsReused).toBe(2);
  });

  it('is by priority, then first come, first served, and nobody slips past the first', async () => {
    cluster = await testCluster([2]);
    const running = await cluster.submit({ processes: 1 });
    await cluster.until(running.id, JobState.RUNNING);
    const big = await cluster.submit({ processes: 2 });
    const small = await cluster.submit({ processes: 1 });
    const urgent = await cluster.submit({ processes: 2, priority: 5 });
    await cluster.eventually('the small one says why', async () => (await cluster.job(small.id)).reason !== '');
    expect((await cluster.job(small.id)).state).toBe(JobState.QUEUED);
    await cluster.finish(running.id);
    await cluster.until(urgent.id, JobState.RUNNING);
    expect((await cluster.job(big.id)).state).toBe(JobState.QUEUED);
    await cluster.finish(urgent.id);
    await cluster.finish(big.id);
    expect((await cluster.finish(small.id)).state).toBe(JobState.COMPLETED);
  });

  const minutes = (count: number) => ({ walltime: { seconds: BigInt(count * 60), nanos: 0 } });

  it('lets a short job go before a large one that must wait longer for its cores, and no longer one', async () => {
    cluster = await testCluster([1, 2], { nodeLostAfterMs: 1e9 });
    const running = await cluster.submit({ processes: 2, ...minutes(10) });
    await cluster.until(running.id, JobState.RUNNING);
    const large = await cluster.submit({ processes: 3, ...minutes(60) });
    const long = await cluster.submit({ processes: 1, ...minutes(11) });
    const short = await cluster.submit({ processes: 1, ...minutes(9) });
    const done = await cluster.finish(short.id);
    expect(done.state).toBe(JobState.COMPLETED);
    for (const { id } of [large, long]) expect((await cluster.job(id)).state).toBe(JobState.QUEUED);
    // Two minutes later it would not be over in time any more.
    await cluster.clock.advance(2 * 60_000);
    const late = await cluster.submit({ processes: 1, ...minutes(9) });
    await cluster.eventually('it says why it waits', async () => (await cluster.job(late.id)).reason === 'waits behind an earlier job');
    await cluster.finish(running.id);
    await cluster.until(large.id, JobState.RUNNING);
    expect((await cluster.job(long.id)).state).toBe(JobState.QUEUED);
    await cluster.finish(large.id);
    for (const { id } of [long, late]) expect((await cluster.finish(id)).state).toBe(JobState.COMPLETED);
  });

  it('lets a long job take what the first will not need', async () => {
    cluster = await testCluster([2, 2], { nodeLostAfterMs: 1e9 });
    const running = await cluster.submit({ processes: 3, ...minutes(10) });
    await cluster.until(running.id, JobState.RUNNING);
    const first = await cluster.submit({ processes: 3, ...minutes(10) });
    const beside = await cluster.submit({ processes: 1, ...minutes(1_000) });
    const another = await cluster.submit({ processes: 1, ...minutes(1_000) });
    await cluster.until(beside.id, JobState.RUNNING);
    expect((await cluster.job(another.id)).state).toBe(JobState.QUEUED);
    await cluster.finish(running.id);
    await cluster.until(first.id, JobState.RUNNING);
    expect((await cluster.job(beside.id)).state).toBe(JobState.RUNNING);
  });

  it('lets others pass a job that waits for a node which takes no work', async () => {
    cluster = await testCluster([1, 1]);
    await cluster.nodes().drainNode({ id: 'node-1', reason: 'new fans' });
    const large = await cluster.submit({ processes: 2 });
    const small = await cluster.submit({ processes: 1 });
    expect((await cluster.finish(small.id)).state).toBe(JobState.COMPLETED);
    await cluster.nodes().resumeNode({ id: 'node-1' });
    expect((await cluster.finish(large.id)).state).toBe(JobState.COMPLETED);
  });

  it('destroys idle VMs of another shape when their cores are needed', async () => {
    cluster = await testCluster([2]);
    const first = await cluster.submit();
    await cluster.finish(first.id);
    const idle = (await cluster.vms()).map(({ id }) => id);
    expect(idle).toHaveLength(2);
    const second = await cluster.submit({ processes: 1, memoryBytes: 32n << 20n });
    const done = await cluster.finish(second.id);
    expect(done).toMatchObject({ vmsBooted: 1, vmsReused: 0 });
    expect((await cluster.vms()).filter(({ id }) => idle.includes(id))).toHaveLength(1);
  });

  it('destroys them again until they are, when a node was not reached for a moment', async () => {
    cluster = await testCluster([1]);
    await cluster.finish((await cluster.submit({ processes: 1 })).id);
    Object.assign(cluster.agent(0), { unheardDestroys: 2, autoExit: true });
    const { id } = await cluster.submit({ processes: 1, memoryBytes: 32n << 20n });
    await cluster.eventually('the job is over', async () => {
      await cluster.clock.advance(250);
      return over.includes((await cluster.job(id)).state);
    });
    expect(await cluster.job(id)).toMatchObject({ state: JobState.COMPLETED, reason: '', vmsBooted: 1 });
  });

  it('gives no VM to another tenant', async () => {
    cluster = await testCluster([4]);
    const first = await cluster.submit();
    await cluster.finish(first.id);
    const { job } = await cluster
      .jobs()
      .submitJob({ spec: { image: 'hello', processes: 2 } }, { headers: { 'verbena-tenant': 'biology' } });
    expect((await cluster.finish(job?.id ?? '')).vmsReused).toBe(0);
  });

  it('leaves a drained node alone until it is resumed', async () => {
    cluster = await testCluster([1, 1]);
    await cluster.nodes().drainNode({ id: 'node-1', reason: 'new fans' });
    const { id } = await cluster.submit();
    await cluster.eventually('it says why it waits', async () => (await cluster.job(id)).reason.includes('drained'));
    expect((await cluster.job(id)).reason).toMatch(/host node-1 is drained \(new fans\)/);
    await cluster.nodes().resumeNode({ id: 'node-1' });
    await cluster.finish(id);
    await expect(cluster.nodes().drainNode({ id: 'node-7' })).rejects.toThrow(/no node "node-7"/);
  });

  it('destroys VMs that nobody wanted for a while', async () => {
    cluster = await testCluster([2], { idleVmMs: 10_000, nodeLostAfterMs: 1e9 });
    const { id } = await cluster.submit();
    await cluster.finish(id);
    await cluster.clock.advance(8_000);
    expect(await cluster.vms()).toHaveLength(2);
    await cluster.clock.advance(4_000);
    await cluster.eventually('they are gone', async () => (await cluster.vms()).length === 0);
  });
});

describe('a submission', () => {
  it('is done once for each key of an actor', async () => {
    cluster = await testCluster([4]);
    const [first, again] = await Promise.all([cluster.submit({}, 'key-1'), cluster.submit({}, 'key-1')]);
    const later = await cluster.submit({}, 'key-1');
    const other = await cluster.submit({}, 'key-2');
    expect(new Set([first.id, again.id, later.id]).size).toBe(1);
    expect(other.id).not.toBe(first.id);
    expect((await cluster.jobs().listJobs({})).jobs.map(({ id }) => id)).toEqual([other.id, first.id]);
  });

  it.each<[Spec, RegExp]>([
    [{ processes: 0 }, /0 processes; 1 to 4096/],
    [{ processes: 5000 }, /5000 processes/],
    [{ processes: 4, vms: 2 }, /one process in each VM/],
    [{ vcpusPerVm: 2 }, /this version gives each VM one/],
    [{ memoryBytes: 1n << 40n }, /at most 4 GiB/],
    [{ memoryBytes: 65_536n }, /needs at least 1048576 bytes/],
    [{ walltime: { seconds: -1n, nanos: 0 } }, /walltime is -1 s/],
    [{ placementPolicy: 'best' }, /no placement policy "best"; there are cost, pack, spread, random/],
    [{ args: ['a\0b'] }, /arguments contains a NUL/],
    [{ args: ['x'.repeat(200_000)] }, /arguments has 200000 bytes/],
    [{ env: { 'A=B': 'c' } }, /cannot name an environment variable/],
    [{ inputFiles: [{ path: '../secret', size: 1n, chunks: [] }] }, /relative path/],
    [{ stdin: new Uint8Array(9 << 20) }, /standard input has/],
    [{ image: 'nowhere' }, /no image "nowhere"/],
  ])('that is wrong is refused with the reason (%#)', async (spec, reason) => {
    cluster = await testCluster([2]);
    await expect(cluster.submit(spec)).rejects.toThrow(reason);
    expect((await cluster.jobs().listJobs({})).jobs).toEqual([]);
  });

  it('whose input its tenant has not stored is refused, whoever else has', async () => {
    cluster = await testCluster([2]);
    const [own, foreign] = [1, 2].map((digit) => `sha256:${String(digit).repeat(64)}`) as [string, string];
    const asked: string[] = [];
    await serveSome(cluster.context.bus, storagev1.ChunkService, {
      missingChunks: ({ digests }) => {
        asked.push(callContext().tenant);
        return { digests: digests.filter((digest) => digest !== own) };
      },
    });
    const ada = { actor: 'ada', tenant: 'physics', roles: ['user'] };
    const file = (path: string, chunk: string) => ({ path, size: 1n, chunks: [chunk] });
    const submit = (...inputFiles: ReturnType<typeof file>[]) => withCallContext(ada, () => cluster.submit({ inputFiles }));
    await expect(submit(file('mine', own), file('theirs', foreign))).rejects.toThrow(
      /input file theirs has 1 chunks that you have not stored/,
    );
    expect((await cluster.finish((await submit(file('mine', own))).id)).state).toBe(JobState.COMPLETED);
    expect(asked).toEqual(['physics', 'physics']);
  });

  it('is kept when the image manager is away, and goes on when it is back', async () => {
    cluster = await testCluster([2]);
    cluster.images.away = true;
    const { id } = await cluster.submit();
    await cluster.eventually('it says why it waits', async () => (await cluster.job(id)).reason.includes('image manager'));
    cluster.images.away = false;
    await cluster.clock.advance(200);
    expect((await cluster.finish(id)).state).toBe(JobState.COMPLETED);
  });

  it('that waited for the image manager gets an image that its submitter may see, even from another scheduler', async () => {
    cluster = await testCluster([2]);
    cluster.images.away = true;
    const admin = { actor: 'grace', tenant: 'physics', roles: ['admin'] };
    const { id } = await withCallContext(admin, () => cluster.submit());
    await cluster.restart();
    await cluster.agent(0).heartbeat();
    cluster.images.away = false;
    await cluster.clock.advance(5_000);
    expect((await cluster.finish(id)).state).toBe(JobState.COMPLETED);
    expect(cluster.images.askedFor).toEqual(admin);
  });

  it('can be listed in pages and by state', async () => {
    cluster = await testCluster([2]);
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.unshift((await cluster.submit({ processes: 1, name: `job ${n}` })).id);
    const jobs = cluster.jobs();
    const first = await jobs.listJobs({ pageSize: 2 });
    const second = await jobs.listJobs({ pageSize: 2, pageToken: first.nextPageToken });
    const third = await jobs.listJobs({ pageSize: 2, pageToken: second.nextPageToken });
    expect([first, second, third].flatMap((page) => page.jobs.map(({ id }) => id))).toEqual(ids);
    expect(third.nextPageToken).toBe('');
    expect((await jobs.listJobs({ states: [JobState.COMPLETED] })).jobs).toEqual([]);
    await expect(jobs.listJobs({ pageToken: 'x' })).rejects.toThrow(/page token/);
  });
});
