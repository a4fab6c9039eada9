/** Jobs that go on from a checkpoint: because somebody wants it, or because a node was lost. */
import { Code } from '@connectrpc/connect';
import { jobv1, migrationv1 } from '@verbena/contracts';
import type { CheckpointEvent } from '@verbena/domain-checkpoint';
import { afterEach, describe, expect, it } from 'vitest';
import { testCluster, type TestCluster } from '../testing/cluster.ts';

const { JobState } = jobv1;
const over = [JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED];

let cluster: TestCluster;
afterEach(() => cluster.stop());

/** What the migration controller writes of one that has become what it is called. */
async function checkpoint(
  id: string,
  jobId: string,
  attempt: number,
  ends: 'stored' | 'storing' | 'removing' = 'stored',
  tenant = 'default',
) {
  const plan = { jobId, tenant, attempt, number: 1, ranks: 2, base: '', reason: 'asked for' };
  const sizes = { bytes: 100, newBytes: 100, changedPages: 1 };
  const all: CheckpointEvent[] = [
    { type: 'CheckpointStarted', data: { ...plan, at: 1 } },
    { type: 'CheckpointQuiescing', data: { nodeIds: ['node-0'], at: 2 } },
    { type: 'CheckpointTaken', data: { epoch: 77, pauseMs: 1, stood: [], at: 3 } },
    { type: 'CheckpointStored', data: { ...sizes, ranks: [], at: 4 } },
    { type: 'CheckpointRemoving', data: { reason: 'too many', at: 5 } },
  ];
  const events = all.slice(0, { storing: 3, stored: 4, removing: 5 }[ends]);
  await cluster.store.append([{ stream: id, expectedVersion: 0, events }], { metadata: { actor: 'controller', tenant } });
}

async function running(spec: Parameters<TestCluster['submit']>[0] = {}): Promise<string> {
  const { id } = await cluster.submit(spec);
  await started(id, 1);
  return id;
}

async function started(id: string, attempt: number): Promise<void> {
  await cluster.eventually(`attempt ${attempt} of ${id} runs`, async () => {
    const job = await cluster.job(id);
    const ranks = cluster.agents.reduce((sum, agent) => sum + agent.ranksOf(id).length, 0);
    return job.state === JobState.RUNNING && job.attempt === attempt && ranks === 2;
  });
}

/** The process of a node-agent is gone and another one registers. */
async function loseNode(index: number): Promise<void> {
  const agent = cluster.agent(index);
  agent.vms.clear();
  agent.running.clear();
  await agent.register();
}

const requeue = { onNodeLoss: jobv1.NodeLossPolicy.REQUEUE };

describe('a job whose node is lost', () => {
  it('goes on from its last checkpoint that is stored', async () => {
    cluster = await testCluster([1, 1]);
    const id = await running(requeue);
    expect(cluster.agent(0).lastStart?.startFrom).toBeUndefined();
    await checkpoint('ckpt-1', id, 1);
    await checkpoint('ckpt-2', id, 1);
    await checkpoint('ckpt-3', id, 1, 'storing');
    await checkpoint('ckpt-4', id, 1, 'removing');
    await checkpoint('ckpt-5', 'job-other', 1);
    await loseNode(1);
    await started(id, 2);
    expect(await cluster.job(id)).toMatchObject({ restoredFrom: 'ckpt-2', requeues: 1 });
    for (const { lastStart } of cluster.agents)
      expect(lastStart).toMatchObject({ attempt: 2, startFrom: { checkpointId: 'ckpt-2', jobId: id, attempt: 1, epoch: 77 } });
    expect((await cluster.finish(id)).state).toBe(JobState.COMPLETED);
  });

  it('begins when it has none, and fails when it does not want to run again', async () => {
    cluster = await testCluster([1, 1]);
    const first = await running(requeue);
    await loseNode(0);
    await started(first, 2);
    expect(await cluster.job(first)).toMatchObject({ restoredFrom: '' });
    await cluster.finish(first);
    const second = await running();
    await checkpoint('ckpt-1', second, 1);
    await loseNode(0);
    expect(await cluster.until(second, ...over)).toMatchObject({ state: JobState.FAILED, endCause: jobv1.EndCause.NODE_LOST });
  });

  it('goes on from the same checkpoint under a scheduler that takes over', async () => {
    cluster = await testCluster([1, 1]);
    const id = await running(requeue);
    await checkpoint('ckpt-1', id, 1);
    await loseNode(1);
    await started(id, 2);
    await cluster.restart();
    for (const agent of cluster.agents) await agent.heartbeat();
    expect(await cluster.job(id)).toMatchObject({ state: JobState.RUNNING, restoredFrom: 'ckpt-1', attempt: 2 });
    expect((await cluster.finish(id)).state).toBe(JobState.COMPLETED);
  });
});

describe('a job that is restarted', () => {
  it('is a new one that runs what was saved, within bounds of its own', async () => {
    cluster = await testCluster([2]);
    const origin = await running({ args: ['--steps', '9'], name: 'cg' });
    await checkpoint('ckpt-1', origin, 1);
    await cluster.cancel(origin);
    await cluster.until(origin, ...over);
    const spec = { processes: 1, args: ['other'], name: 'again', restartFrom: 'ckpt-1', walltime: { seconds: 9n, nanos: 0 } };
    const { id } = await cluster.submit(spec);
    await started(id, 1);
    const job = await cluster.job(id);
    expect(job).toMatchObject({
      restoredFrom: 'ckpt-1',
      spec: { name: 'again', processes: 2, args: ['--steps', '9'], walltime: { seconds: 9n } },
    });
    expect(cluster.agent(0).lastStart?.startFrom).toMatchObject({ checkpointId: 'ckpt-1', jobId: origin });
    expect((await cluster.finish(id)).state).toBe(JobState.COMPLETED);
  });

  it('is refused from what is no whole checkpoint, and from another tenant’s', async () => {
    cluster = await testCluster([2]);
    const origin = await running();
    await checkpoint('ckpt-1', origin, 1, 'storing');
    await checkpoint('ckpt-2', origin, 1, 'removing');
    for (const restartFrom of ['ckpt-1', 'ckpt-2', 'ckpt-9'])
      await expect(cluster.submit({ restartFrom })).rejects.toMatchObject({ code: Code.NotFound });
  });

  it('fails when its checkpoint was removed before it could start, and says so', async () => {
    cluster = await testCluster([2]);
    const origin = await running();
    await checkpoint('ckpt-1', origin, 1);
    const { id } = await cluster.submit({ restartFrom: 'ckpt-1' });
    const gone: CheckpointEvent = { type: 'CheckpointRemoving', data: { reason: 'removed by ada', at: 9 } };
    await cluster.store.append([{ stream: 'ckpt-1', expectedVersion: 'any', events: [gone] }], {
      metadata: { actor: 'controller', tenant: 'default' },
    });
    await cluster.cancel(origin);
    expect((await cluster.until(id, ...over)).reason).toMatch(/was to go on from checkpoint ckpt-1, which was removed/);
  });
});

describe('a job that wants to be saved every now and then', () => {
  it('is, for as long as it runs', async () => {
    cluster = await testCluster([2]);
    const asked: string[] = [];
    await cluster.context.bus.serve(migrationv1.CheckpointService, {
      checkpointJob: ({ jobId }: migrationv1.CheckpointJobRequest) => {
        asked.push(jobId);
        return {};
      },
    } as never);
    const id = await running({ checkpointEvery: { seconds: 3n, nanos: 0 } });
    for (let times = 1; times <= 3; times++) {
      await cluster.agent(0).heartbeat();
      await cluster.clock.advance(3_000);
      await cluster.eventually(`it was saved ${times} times`, () => asked.length === times);
    }
    await cluster.finish(id);
    await cluster.agent(0).heartbeat();
    await cluster.clock.advance(6_000);
    expect(asked).toEqual([id, id, id]);
  });

  it('more often than once a second is refused', async () => {
    cluster = await testCluster([2]);
    await expect(cluster.submit({ checkpointEvery: { seconds: 0n, nanos: 5 } })).rejects.toThrow(/1 s to 30 days/);
  });
});
