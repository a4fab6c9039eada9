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
  it('ends the jobs that ran, with the reason, and runs none of them again', async () => {
    cluster = await testCluster([2]);
    const { id } = await cluster.submit();
    await cluster.until(id, JobState.RUNNING);
    await killAndRestart();
    const job = await cluster.job(id);
    expect(job).toMatchObject({ state: JobState.FAILED, endCause: EndCause.INTERNAL, exitCode: 70 });
    expect(job.reason).toBe('the cluster was stopped while the job ran');
    await cluster.eventually('its output is sealed', () => cluster.sealed.includes(id));
    expect(cluster.agent(0).running.size).toBe(0);
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

  it('destroys what a surviving node-agent still runs', async () => {
    cluster = await testCluster([2]);
    const { id } = await cluster.submit();
    await cluster.finish(id);
    await cluster.restart();
    const agent = cluster.agent(0);
    // The scheduler does not take heartbeats of a node that it has not seen in this life.
    await expect(agent.heartbeat()).rejects.toThrow(/register again/);
    await agent.register();
    await cluster.eventually('its VMs are gone', () => agent.vms.size === 0);
    const next = await cluster.submit();
    expect((await cluster.finish(next.id)).state).toBe(JobState.COMPLETED);
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
