/** What the controller asks the scheduler: of the VM that is to move, and of the nodes that it could go to. */
import { Code, ConnectError } from '@connectrpc/connect';
import { nodev1, vmv1 } from '@verbena/contracts';
import type { MigratingVm, TargetNode } from '@verbena/domain-migration';
import { callContext, seesEverything, type Bus } from '@verbena/messaging';

const callMs = 5_000;
const { VmState } = vmv1;
const { NodeState } = nodev1;

/** On the caller's behalf. @throws {ConnectError} NOT_FOUND, also for another tenant's */
export async function findVm(bus: Bus, vmId: string): Promise<vmv1.Vm> {
  const { vm } = await bus.client(vmv1.VmService).getVm({ id: vmId }, { timeoutMs: callMs });
  if (vm === undefined) throw new ConnectError(`there is no VM ${JSON.stringify(vmId)}`, Code.NotFound);
  return vm;
}

/** Which VMs the caller may know of: those that the map of VMs shows it, which is asked on the caller's behalf. */
export async function visibleVms(bus: Bus): Promise<(id: string) => boolean> {
  if (seesEverything(callContext())) return () => true;
  const ids = new Set<string>();
  let pageToken = '';
  do {
    const page = await bus.client(vmv1.VmService).listVms({ all: true, pageSize: 1_000, pageToken }, { timeoutMs: callMs });
    for (const { id } of page.vms) ids.add(id);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return (id) => ids.has(id);
}

export function migrating({ id, nodeId, state, vcpus, memoryBytes }: vmv1.Vm): MigratingVm {
  const up = state === VmState.IDLE || state === VmState.RUNNING || state === VmState.PAUSED;
  const word = VmState[state].toLowerCase().replaceAll('_', ' ');
  // Every VM of this version has one: it is how guests reach the fabric.
  return { id, nodeId, up, state: word, vcpus, memoryBytes: Number(memoryBytes), bypassAdapter: up };
}

export async function findTarget(bus: Bus, id: string): Promise<TargetNode | undefined> {
  if (id === '') return undefined;
  let pageToken = '';
  do {
    const page = await bus.client(nodev1.NodeService).listNodes({ pageSize: 1_000, pageToken }, { timeoutMs: callMs });
    const node = page.nodes.find((candidate) => candidate.id === id);
    if (node !== undefined) return target(node);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return undefined;
}

function target({ id, state, cores, coresUsed, memoryBytes, memoryUsedBytes }: nodev1.Node): TargetNode {
  return {
    id,
    closed: state === NodeState.READY ? undefined : NodeState[state].toLowerCase(),
    freeCores: cores - coresUsed,
    freeMemoryBytes: Number(memoryBytes - memoryUsedBytes),
  };
}
