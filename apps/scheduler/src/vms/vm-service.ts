import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { nodev1, vmv1 } from '@verbena/contracts';
import { isLive, type VmState } from '@verbena/domain-vm';
import { pageOf } from '@verbena/service-kit';
import { callContext, seesTenant, type Bus } from '@verbena/messaging';
import type { VmMap, VmRecord } from './vm-map.ts';

const { VmState: Wire } = vmv1;

const states: Readonly<Record<VmState['status'], vmv1.VmState>> = {
  none: Wire.UNSPECIFIED,
  booting: Wire.BOOTING,
  idle: Wire.IDLE,
  running: Wire.RUNNING,
  'shut-down': Wire.SHUT_DOWN,
  crashed: Wire.CRASHED,
  lost: Wire.SHUT_DOWN,
};

export interface VmServiceParts {
  readonly bus: Bus;
  readonly vms: VmMap;
  readonly nodeName: (id: string) => string;
  /** The scheduler's: a node refuses one that leads no more. */
  readonly term: bigint;
}

const shareMs = 10_000;

const memberships = {
  none: vmv1.PartitionMembership.UNSPECIFIED,
  limited: vmv1.PartitionMembership.LIMITED,
  full: vmv1.PartitionMembership.FULL,
} as const;

export function vmService({ bus, vms, nodeName, term }: VmServiceParts): ServiceImpl<typeof vmv1.VmService> {
  const view = (vm: VmRecord) => vmView(vm, nodeName);
  const visible = (id: string): VmRecord => {
    const vm = vms.get(id);
    if (vm === undefined || !seesTenant(callContext(), tenantOf(vm)))
      throw new ConnectError(`there is no VM ${JSON.stringify(id)}`, Code.NotFound);
    return vm;
  };
  return {
    listVms({ all, pageSize, pageToken }) {
      const caller = callContext();
      const seen = vms.all().filter((vm) => seesTenant(caller, tenantOf(vm)));
      const { items, nextPageToken } = pageOf(
        seen,
        ({ id }) => id,
        pageSize,
        pageToken,
        ({ state }) => all || isLive(state),
      );
      return { vms: items.map(view), nextPageToken };
    },
    getVm: ({ id }) => ({ vm: view(visible(id)) }),
    async setAdapterShare({ id, share }) {
      const { state } = visible(id);
      if (state.status !== 'running')
        throw new ConnectError(`VM ${id} runs no program at the moment: its share is set while one does`, Code.FailedPrecondition);
      await bus
        .client(nodev1.NodeAgentService, state.nodeId)
        .shareAdapter({ vmId: id, ...(share && { share }), term }, { timeoutMs: shareMs });
      await vms.caughtUp();
      return { vm: view(visible(id)) };
    },
    async setPartition({ id, member }) {
      const { state } = visible(id);
      if (state.status !== 'running')
        throw new ConnectError(`VM ${id} runs no program at the moment: it enters a partition while one does`, Code.FailedPrecondition);
      await bus
        .client(nodev1.NodeAgentService, state.nodeId)
        .setVmPartition({ vmId: id, ...(member && { member }), term }, { timeoutMs: shareMs });
      await vms.caughtUp();
      return { vm: view(visible(id)) };
    },
    async plugFunction({ id, attached }) {
      const { state } = visible(id);
      if (state.status !== 'running')
        throw new ConnectError(
          `VM ${id} runs no program at the moment: it is detached and attached while one does`,
          Code.FailedPrecondition,
        );
      await bus.client(nodev1.NodeAgentService, state.nodeId).plugVmFunction({ vmId: id, attached, term }, { timeoutMs: shareMs });
      await vms.caughtUp();
      return { vm: view(visible(id)) };
    },
  };
}

const tenantOf = ({ state }: VmRecord): string => (state.status === 'none' ? '' : state.tenant);

function vmView({ id, state, bootedAt, epoch }: VmRecord, nodeName: (id: string) => string): vmv1.Vm {
  if (state.status === 'none') return create(vmv1.VmSchema, { id });
  const running = state.status === 'running';
  return create(vmv1.VmSchema, {
    id,
    nodeId: state.nodeId,
    nodeName: nodeName(state.nodeId),
    state: states[state.status],
    imageDigest: state.imageDigest,
    memoryBytes: BigInt(state.memoryBytes),
    vcpus: state.vcpus,
    jobId: running ? state.jobId : '',
    rank: running ? state.rank : 0,
    ...(bootedAt !== undefined && { bootedAt: timestampFromMs(bootedAt) }),
    tenant: state.tenant,
    epoch: BigInt(epoch),
    functionDetached: running && state.detached === true,
    partitions: running
      ? (state.partitions ?? []).map(({ partition, membership }) => ({ partition, membership: memberships[membership] }))
      : [],
    ...(running &&
      state.share !== undefined && { adapterShare: { weight: state.share.weight, bytesPerSecond: BigInt(state.share.bytesPerSecond) } }),
  });
}
