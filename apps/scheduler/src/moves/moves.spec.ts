/** The scheduler's part in a migration: room on the target, and the map of ranks when a VM has another owner. */
import { Code } from '@connectrpc/connect';
import { jobv1, migrationv1 } from '@verbena/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testCluster, type TestCluster } from '../testing/cluster.ts';

const { JobState } = jobv1;
const migrationId = 'mig-2c6v8n';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await testCluster([1, 1, 1]);
});
afterEach(() => cluster.stop());

const moves = () => cluster.context.bus.client(migrationv1.MoveService);

/** A job of two ranks that runs, and where its first VM is. */
async function running(spec: Parameters<TestCluster['submit']>[0] = {}) {
  const { id } = await cluster.submit({ processes: 2, ...spec });
  await cluster.until(id, JobState.RUNNING);
  await cluster.eventually('both ranks run', () => cluster.agents.reduce((sum, agent) => sum + agent.ranksOf(id).length, 0) === 2);
  const [vm] = (await cluster.vms()).filter(({ jobId, rank }) => jobId === id && rank === 0);
  return { id, vmId: vm?.id ?? '', from: vm?.nodeId ?? '', epoch: Number(vm?.epoch ?? 0n) };
}

/** What the migration-controller appends. */
async function handOver(vmId: string, from: string, to: string, nodeEpoch = 1, fence = 5): Promise<void> {
  const event = { type: 'VmHandedOver', data: { migrationId, fromNodeId: from, nodeId: to, nodeEpoch } };
  const metadata = { actor: 'migration-controller', tenant: 'default', epoch: fence };
  const result = await cluster.store.append([{ stream: vmId, expectedVersion: 'any', events: [event] }], { metadata });
  expect(result.ok).toBe(true);
}

const free = async (node: string): Promise<number> => {
  const { nodes } = await cluster.nodes().listNodes({});
  const found = nodes.find(({ id }) => id === node);
  return (found?.cores ?? 0) - (found?.coresUsed ?? 0);
};

describe('room for a VM that moves', () => {
  it('is taken once on the node that has it, and given back', async () => {
    const { id, vmId, from } = await running();
    const reserved = await moves().reserveMove({ migrationId, vmId });
    expect(reserved).toMatchObject({ jobId: id, attempt: 1 });
    expect(reserved.ranks.map(({ rank }) => rank)).toEqual([0, 1]);
    expect(reserved.targetNodeId).not.toBe(from);
    expect((await moves().reserveMove({ migrationId, vmId })).targetNodeId).toBe(reserved.targetNodeId);
    expect(await free(reserved.targetNodeId)).toBe(0);
    await expect(moves().reserveMove({ migrationId: 'mig-zzzzzz', vmId })).rejects.toMatchObject({ code: Code.ResourceExhausted });
    await moves().releaseMove({ migrationId });
    expect(await free(reserved.targetNodeId)).toBe(1);
  });

  it('is not there for a VM that is none, or runs nothing', async () => {
    await expect(moves().reserveMove({ migrationId, vmId: 'vm-zzzzzz' })).rejects.toMatchObject({ code: Code.NotFound });
    const { id, vmId } = await running();
    await cluster.finish(id);
    await expect(moves().reserveMove({ migrationId, vmId })).rejects.toMatchObject({ code: Code.FailedPrecondition });
  });

  it('is made by destroying idle VMs', async () => {
    const first = await cluster.submit({ processes: 3 });
    await cluster.finish(first.id);
    const { vmId, from } = await running();
    const { targetNodeId } = await moves().reserveMove({ migrationId, vmId });
    expect(targetNodeId).not.toBe(from);
    expect(cluster.agents.find(({ id }) => id === targetNodeId)?.vms.size).toBe(0);
  });
});

describe('a VM that has another owner', () => {
  it('has its rank there, and its reports are taken from there', async () => {
    const { id, vmId, from } = await running();
    const { targetNodeId } = await moves().reserveMove({ migrationId, vmId });
    await handOver(vmId, from, targetNodeId);
    const settled = await moves().settleMove({ migrationId, jobId: id });
    expect(settled.ranks.find(({ rank }) => rank === 0)).toMatchObject({ nodeId: targetNodeId });
    expect(await cluster.story(id)).toContain('RankMoved');
    const report = { rank: 0, vmId, what: { case: 'exited', value: { cause: jobv1.EndCause.EXITED } } } as const;
    await expect(cluster.jobs().reportRank({ jobId: id, nodeId: from, reports: [report], attempt: 1 })).rejects.toMatchObject({
      code: Code.InvalidArgument,
    });
    await cluster.jobs().reportRank({ jobId: id, nodeId: targetNodeId, reports: [report], attempt: 1 });
    expect(await cluster.story(id)).toContain('RankExited');
    expect(await free(from)).toBe(1);
    expect(await free(targetNodeId)).toBe(0);
  });

  it('is there for a report that comes before anybody has said so', async () => {
    const { id, vmId, from } = await running();
    const { targetNodeId } = await moves().reserveMove({ migrationId, vmId });
    await handOver(vmId, from, targetNodeId);
    const report = { rank: 0, vmId, what: { case: 'exited', value: { cause: jobv1.EndCause.EXITED } } } as const;
    await cluster.jobs().reportRank({ jobId: id, nodeId: targetNodeId, reports: [report], attempt: 1 });
    expect((await cluster.story(id)).filter((type) => type === 'RankMoved' || type === 'RankExited')).toEqual(['RankMoved', 'RankExited']);
  });

  it('is there for a card that comes before anybody has said so', async () => {
    const { id, vmId, from } = await running();
    const { targetNodeId, ranks } = await moves().reserveMove({ migrationId, vmId });
    await handOver(vmId, from, targetNodeId);
    const other = ranks.find(({ rank }) => rank === 1)?.nodeId ?? '';
    const bring = (rank: number, nodeId: string) =>
      cluster.jobs().rendezvous({ jobId: id, nodeId, attempt: 1, generation: 1, cards: { [rank]: new Uint8Array([rank]) } });
    const [{ cards }] = await Promise.all([bring(0, targetNodeId), bring(1, other)]);
    expect(Object.keys(cards)).toEqual(['0', '1']);
    await expect(bring(0, from)).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  it('does not end with the node that it left, and does with the one that it has', async () => {
    const { id, vmId, from } = await running();
    const { targetNodeId } = await moves().reserveMove({ migrationId, vmId });
    await handOver(vmId, from, targetNodeId);
    await moves().settleMove({ migrationId, jobId: id });
    const left = cluster.agents.find((agent) => agent.id === from);
    await left?.register();
    expect((await cluster.job(id)).state).toBe(JobState.RUNNING);
    const has = cluster.agents.find((agent) => agent.id === targetNodeId);
    await has?.die();
    await has?.start();
    const job = await cluster.until(id, JobState.FAILED);
    expect(job.reason).toContain('was restarted');
    expect((await cluster.store.readStream(vmId)).at(-1)).toMatchObject({ event: { type: 'VmLost' }, metadata: { epoch: 6 } });
  });

  it('is where it is for a scheduler that takes over, also when the one before had not written it down', async () => {
    const { id, vmId, from } = await running();
    const { targetNodeId } = await moves().reserveMove({ migrationId, vmId });
    cluster.life.die();
    await handOver(vmId, from, targetNodeId);
    await cluster.succeed();
    const { ranks } = await moves().settleMove({ migrationId, jobId: id });
    expect(ranks.find(({ rank }) => rank === 0)?.nodeId).toBe(targetNodeId);
  });
});
