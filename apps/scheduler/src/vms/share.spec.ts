import { jobv1, nodev1, vmv1 } from '@verbena/contracts';
import { withCallContext } from '@verbena/messaging';
import { afterEach, expect, it } from 'vitest';
import { testCluster, type TestCluster } from '../testing/cluster.ts';

const share = { weight: 4, bytesPerSecond: 2_000_000n };
let cluster: TestCluster;
afterEach(() => cluster.stop());

it('the adapter of a VM is taken away and given back on its node while it runs, by who may see it', async () => {
  cluster = await testCluster([2]);
  const { id } = await cluster.submit();
  await cluster.until(id, jobv1.JobState.RUNNING);
  const vms = cluster.context.bus.client(vmv1.VmService);
  const vmId = (await vms.listVms({})).vms[0]?.id ?? '';
  expect((await vms.plugFunction({ id: vmId, attached: false })).vm).toMatchObject({ id: vmId, functionDetached: true });
  expect((await vms.plugFunction({ id: vmId, attached: true })).vm).toMatchObject({ functionDetached: false });
  const stranger = { actor: 'eve', tenant: 'chemistry', roles: ['operator'] as const };
  await expect(withCallContext(stranger, () => vms.plugFunction({ id: vmId }))).rejects.toThrow(`there is no VM "${vmId}"`);
  await cluster.finish(id);
  await expect(vms.plugFunction({ id: vmId, attached: false })).rejects.toThrow(/runs no program/);
});

it('a VM is put into a partition and taken out on its node, and a node’s port is disabled and stays so', async () => {
  cluster = await testCluster([2]);
  const { id } = await cluster.submit();
  await cluster.until(id, jobv1.JobState.RUNNING);
  const vms = cluster.context.bus.client(vmv1.VmService);
  const [vm] = (await vms.listVms({})).vms;
  const [vmId, nodeId] = [vm?.id ?? '', vm?.nodeId ?? ''];
  const limited = { partition: 0x7001, membership: vmv1.PartitionMembership.LIMITED };
  expect((await vms.setPartition({ id: vmId, member: limited })).vm).toMatchObject({ partitions: [limited] });
  const none = { partition: 0x7001, membership: vmv1.PartitionMembership.UNSPECIFIED };
  expect((await vms.setPartition({ id: vmId, member: none })).vm).toMatchObject({ partitions: [] });
  const nodes = cluster.context.bus.client(nodev1.NodeService);
  expect((await nodes.enablePort({ id: nodeId, enabled: false })).node).toMatchObject({ id: nodeId, portDisabled: true });
  expect((await nodes.getPort({ id: nodeId })).port).toMatchObject({ enabled: false });
  expect((await nodes.listNodes({})).nodes.find((each) => each.id === nodeId)).toMatchObject({ portDisabled: true });
  expect((await nodes.enablePort({ id: nodeId, enabled: true })).node).toMatchObject({ portDisabled: false });
  expect((await nodes.getPort({ id: nodeId })).port).toMatchObject({ enabled: true });
  for (const call of [nodes.getPort({ id: 'node-none' }), nodes.enablePort({ id: 'node-none', enabled: false })])
    await expect(call).rejects.toThrow('there is no node "node-none"');
  await cluster.finish(id);
  await expect(vms.setPartition({ id: vmId, member: limited })).rejects.toThrow(/runs no program/);
});

it('what a VM gets of its adapter is set on its node while it runs, shown, and over with the program', async () => {
  cluster = await testCluster([2]);
  const { id } = await cluster.submit();
  await cluster.until(id, jobv1.JobState.RUNNING);
  const vms = cluster.context.bus.client(vmv1.VmService);
  const [vm] = (await vms.listVms({})).vms;
  const vmId = vm?.id ?? '';
  expect(vm?.adapterShare).toBeUndefined();
  expect((await vms.setAdapterShare({ id: vmId, share })).vm).toMatchObject({ id: vmId, adapterShare: share });
  expect((await vms.getVm({ id: vmId })).vm?.adapterShare).toMatchObject(share);
  const stranger = { actor: 'eve', tenant: 'chemistry', roles: ['operator'] as const };
  await expect(withCallContext(stranger, () => vms.setAdapterShare({ id: vmId, share }))).rejects.toThrow(`there is no VM "${vmId}"`);
  await cluster.finish(id);
  expect((await vms.getVm({ id: vmId })).vm?.adapterShare).toBeUndefined();
  await expect(vms.setAdapterShare({ id: vmId, share })).rejects.toThrow(/runs no program/);
});
