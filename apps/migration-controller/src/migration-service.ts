import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { type migrationv1, nodev1, vmv1 } from '@verbena/contracts';
import { obstacles, type MigratingVm, type MigrationState, type TargetNode } from '@verbena/domain-migration';
import { callContext, seesEverything, type Bus } from '@verbena/messaging';
import { pageOf } from '@verbena/service-kit';

/** Migrations by id, in the order in which they were requested. */
export type Migrations = ReadonlyMap<string, MigrationState>;

const callMs = 5_000;
const { VmState } = vmv1;
const { NodeState } = nodev1;

export function migrationService(bus: Bus, migrations: () => Migrations): ServiceImpl<typeof migrationv1.MigrationService> {
  return {
    async checkMigration({ vmId, targetNodeId }) {
      const { vm } = await bus.client(vmv1.VmService).getVm({ id: vmId }, { timeoutMs: callMs });
      if (vm === undefined) throw new ConnectError(`there is no VM ${JSON.stringify(vmId)}`, Code.NotFound);
      const against = obstacles(migrating(vm), targetNodeId, await findTarget(bus, targetNodeId));
      return { possible: against.length === 0, obstacles: [...against] };
    },
    async listMigrations({ pageSize, pageToken }) {
      const seen = await visibleVms(bus);
      const newestFirst = [...migrations()].reverse().filter(([, state]) => state.status !== 'none' && seen(state.vmId));
      const { items, nextPageToken } = pageOf(newestFirst, ([id]) => id, pageSize, pageToken);
      return { migrations: items.map(([id, state]) => view(id, state)), nextPageToken };
    },
  };
}

/** Which VMs the caller may know of: those that the map of VMs shows it, which is asked on the caller's behalf. */
async function visibleVms(bus: Bus): Promise<(id: string) => boolean> {
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

function migrating({ id, nodeId, state, vcpus, memoryBytes }: vmv1.Vm): MigratingVm {
  const up = state === VmState.IDLE || state === VmState.RUNNING || state === VmState.PAUSED;
  const word = VmState[state].toLowerCase().replaceAll('_', ' ');
  // Every VM of this version has one: it is how guests reach the fabric.
  return { id, nodeId, up, state: word, vcpus, memoryBytes: Number(memoryBytes), bypassAdapter: up };
}

async function findTarget(bus: Bus, id: string): Promise<TargetNode | undefined> {
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

function view(id: string, state: MigrationState) {
  if (state.status === 'none') return { id };
  const { vmId, sourceNodeId, targetNodeId, status } = state;
  return { id, vmId, sourceNodeId, targetNodeId, phase: status };
}
