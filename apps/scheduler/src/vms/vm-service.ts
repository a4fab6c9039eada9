import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { vmv1 } from '@verbena/contracts';
import { isLive, type VmState } from '@verbena/domain-vm';
import { pageOf } from '@verbena/service-kit';
import { callContext, seesTenant } from '@verbena/messaging';
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

export function vmService(vms: VmMap, nodeName: (id: string) => string): ServiceImpl<typeof vmv1.VmService> {
  const view = (vm: VmRecord) => vmView(vm, nodeName);
  return {
    listVms({ all, pageSize, pageToken }) {
      const caller = callContext();
      const visible = vms.all().filter((vm) => seesTenant(caller, tenantOf(vm)));
      const { items, nextPageToken } = pageOf(
        visible,
        ({ id }) => id,
        pageSize,
        pageToken,
        ({ state }) => all || isLive(state),
      );
      return { vms: items.map(view), nextPageToken };
    },
    getVm({ id }) {
      const vm = vms.get(id);
      if (vm === undefined || !seesTenant(callContext(), tenantOf(vm)))
        throw new ConnectError(`there is no VM ${JSON.stringify(id)}`, Code.NotFound);
      return { vm: view(vm) };
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
  });
}
