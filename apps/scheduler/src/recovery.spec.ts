import { jobv1 } from '@verbena/contracts';
import { afterEach, describe, expect, it } from 'vitest';
import { testCluster, type TestCluster } from './testing/cluster.ts';

const { JobState, EndCause } = jobv1;

let cluster: TestCluster;
afterEach(() => cluster.stop());

/** Everything was killed: the nodes come back without their VMs. */
async function killAndRestart(): Promise<void> {
  for (const agent of cluster.agents) {
    agent.vms.clear();
    agent.running.clear();
  }
  await cluster.restart();
  for (const agent of cluster.agents) await agent.register();
}

describe('a start on the log of a former life', () => {
  it('goes on with the jobs that run, whose ranks have heard of nothing', async () => {
    cluster = await testCluster([1, 1]);
    const { id } = await cluster.submit();
    await cluster.until(id, JobState.RUNNING);
    await cluster.eventually('both ranks run', () => cluster.agents.every(({ running }) => running.size === 1));
    const before = await cluster.job(id);
    await cluster.restart();
    for (const agent of cluster.agents) await agent.heartbeat();
    expect(await cluster.job(id)).toMatchObject({ state: JobState.RUNNING, ranks: before.ranks, attempt: 1 });
    expect((await cluster.finish(id)).state).toBe(JobState.COMPLETED);
    for (const agent of cluster.agents) expect([...agent.started]).toEqual([`${id}/1`]);
    expect(await cluster.vms()).toHaveLength(2);
  });

  it('gives a job that runs the rest of its walltime, and takes its partition for nobody else', async () => {
    cluster = await testCluster([2, 2]);
    const { id } = await cluster.submit({ walltime: { seconds: 10n, nanos: 0 } });
    await cluster.until(id, JobState.RUNNING);
    const { pkey } = cluster.agent(0).lastStart ?? cluster.agent(1).lastStart ?? { pkey: 0 };
    await cluster.clock.advance(6_000);
    await cluster.restart();
    for (const agent of cluster.agents) await agent.heartbeat();
    const other = await cluster.submit();
    await cluster.until(other.id, JobState.RUNNING);
    const others = cluster.agents.flatMap(({ lastStart }) => (lastStart?.jobId === other.id ? [lastStart.pkey] : []));
    expect(others.length).toBeGreaterThan(0);
    expect(others).not.toContain(pkey);
    await cluster.clock.advance(4_100);
    expect((await cluster.until(id, JobState.FAILED)).endCause).toBe(EndCause.WALLTIME);
  });

  it('learns the cards that ranks had brought to the rendezvous, for those that still wait', async () => {
    cluster = await testCluster([1, 1]);
    const { id } = await cluster.submit();
    await cluster.until(id, JobState.RUNNING);
    await cluster.eventually('both ranks run', () => cluster.agents.every(({ running }) => running.size === 1));
    const [first, second] = [0, 1].map((rank) => cluster.agents.findIndex((agent) => agent.running.has(`${id}/${String(rank)}`)));
    cluster.agent(first ?? 0).meetings = [{ generation: 0, cards: { 0: Uint8Array.of(7) } }];
    await cluster.restart();
    const meet = cluster
      .jobs()
      .rendezvous({ jobId: id, attempt: 1, nodeId: `node-${String(second)}`, generation: 0, cards: { 1: Uint8Array.of(8) } });
    expect((await meet).cards).toEqual({ 0: Uint8Array.of(7), 1: Uint8Array.of(8) });
  });

  it('ends the jobs whose nodes have lost them meanwhile, or runs them again where they wish it', async () => {
    cluster = await testCluster([2, 2]);
    const fails = await cluster.submit();
    const again = await cluster.submit({ onNodeLoss: jobv1.NodeLossPolicy.REQUEUE });
    for (const { id } of [fails, again]) await cluster.until(id, JobState.RUNNING);
    await cluster.eventually('all ranks run', () => cluster.agents.every(({ running }) => running.size === 2));
    await killAndRestart();
    const job = await cluster.until(fails.id, JobState.FAILED);
    expect(job).toMatchObject({ endCause: EndCause.NODE_LOST, exitCode: 75 });
    await cluster.eventually('its output is sealed', () => cluster.sealed.includes(fails.id));
    expect(await cluster.finish(again.id)).toMatchObject({ state: JobState.COMPLETED, attempt: 2, requeues: 1 });
  });

  it('runs a job again whose node was killed and was back before its ranks could be started there', async () => {
    cluster = await testCluster([1, 1]);
    cluster.agent(0).reborn = true;
    const { id } = await cluster.submit({ onNodeLoss: jobv1.NodeLossPolicy.REQUEUE });
    await cluster.eventually('the node knew nothing of it', () => !cluster.agent(0).reborn);
    await cluster.until(id, JobState.QUEUED, JobState.DISTRIBUTING, JobState.BOOTING);
    expect(await cluster.finish(id)).toMatchObject({ state: JobState.COMPLETED, attempt: 2, requeues: 1 });
  });

  it('does not wait for the answer of a node that has died and come anew', async () => {
    cluster = await testCluster([1, 1]);
    cluster.agent(0).bootGate = new Promise(() => undefined);
    const { id } = await cluster.submit();
    await cluster.eventually('it boots', () => cluster.agent(0).vms.size === 1);
    cluster.agent(0).vms.clear();
    cluster.agent(0).bootGate = undefined;
    await cluster.agent(0).register();
    // The clock stands still: nothing here is over because time has passed.
    expect(await cluster.finish(id)).toMatchObject({ state: JobState.COMPLETED, attempt: 1 });
  });

  it('queues again what had not started, in its place', async () => {
    cluster = await testCluster([2]);
    const gate = Promise.withResolvers<void>();
    cluster.images.gate = gate.promise;
    const first = await cluster.submit();
    await cluster.until(first.id, JobState.DISTRIBUTING);
    const second = await cluster.submit();
    cluster.images.gate = undefined;
    await killAndRestart();
    gate.resolve();
    expect((await cluster.finish(first.id)).state).toBe(JobState.COMPLETED);
    expect((await cluster.finish(second.id)).state).toBe(JobState.COMPLETED);
    expect(await cluster.story(first.id)).toContain('JobRequeued');
  });

  it('finds all jobs, and their keys, again', async () => {
    cluster = await testCluster([2]);
    const { id } = await cluster.submit({}, 'the-key');
    await cluster.finish(id);
    const before = await cluster.job(id);
    await killAndRestart();
    expect(await cluster.job(id)).toEqual(before);
    expect((await cluster.submit({}, 'the-key')).id).toBe(id);
  });

  it('writes off the VMs of the former life, and counts none of their cores', async () => {
    cluster = await testCluster([2]);
    const { id } = await cluster.submit();
    await cluster.finish(id);
    expect(await cluster.vms()).toHaveLength(2);
    await killAndRestart();
    await cluster.eventually('no VM is left', async () => (await cluster.vms()).length === 0);
    const next = await cluster.submit();
    expect(await cluster.finish(next.id)).toMatchObject({ vmsBooted: 2, vmsReused: 0 });
  });

  it('finds the idle VMs of nodes that have lived on', async () => {
    cluster = await testCluster([2]);
    const { id } = await cluster.submit();
    await cluster.finish(id);
    await cluster.restart();
    await cluster.agent(0).heartbeat();
    const next = await cluster.submit();
    expect(await cluster.finish(next.id)).toMatchObject({ state: JobState.COMPLETED, vmsReused: 2 });
  });

  it('gives up nodes that do not come back', async () => {
    cluster = await testCluster([2], { nodeLostAfterMs: 3_000 });
    await cluster.restart();
    const { id } = await cluster.submit();
    expect((await cluster.job(id)).state).toBe(JobState.QUEUED);
    for (let turn = 0; turn < 4; turn++) await cluster.clock.advance(2_000);
    expect((await cluster.until(id, JobState.FAILED)).endCause).toBe(EndCause.UNSATISFIABLE);
  });
});
