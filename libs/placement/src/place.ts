/**
 * Placement of one job: all of its VMs or none. At most one VM per core (R25): a VM of n vCPUs takes n of a node's free cores. Idle VMs that
 * fit are taken over; others are destroyed when their cores are needed.
 */
import type { ClusterView, JobShape, PlacedVm, PlacementNode, PlacementResult } from './cluster.ts';
import { policies, seededRandom, type PolicyName } from './policies.ts';
import { cost, crowding, defaultCostModel, NodeLedger, type CostModel, type Slot } from './slots.ts';

export interface PlaceOptions {
  readonly policy: PolicyName;
  /** Of the random policy: the same seed gives the same placement. */
  readonly seed: string;
  readonly model?: CostModel;
}

export function place(shape: JobShape, given: ClusterView, options: PlaceOptions): PlacementResult {
  // The order in which nodes are given must not matter.
  const cluster = { ...given, nodes: [...given.nodes].sort((a, b) => byText(a.id, b.id)) };
  const never = impossible(shape, cluster.nodes);
  if (never !== undefined) return { kind: 'never', reason: never };
  const open = cluster.nodes.filter(({ closed }) => closed === undefined);
  const ledgers = open.map((node) => new NodeLedger(node, cluster.idle, shape));
  const taken = takeSlots(shape, ledgers, options);
  if (taken === undefined) return { kind: 'wait', reason: busy(shape, cluster) };
  const model = options.model ?? defaultCostModel;
  return {
    kind: 'placed',
    vms: inHostOrder(taken),
    evict: taken.flatMap(({ evict }) => evict),
    cost: taken.reduce((sum, slot) => sum + cost(slot, model) + crowding(slot, model), 0),
  };
}

function takeSlots(shape: JobShape, ledgers: readonly NodeLedger[], options: PlaceOptions): readonly Slot[] | undefined {
  const { policy, seed, model = defaultCostModel } = options;
  const random = seededRandom(seed);
  const taken: Slot[] = [];
  let receivers = 0;
  while (taken.length < shape.vms) {
    let best: { ledger: NodeLedger; slot: Slot; score: number } | undefined;
    for (const ledger of ledgers) {
      const slot = ledger.slot(shape, receivers);
      if (slot === undefined) continue;
      const score = policies[policy](slot, model, random);
      if (best === undefined || score < best.score - 1e-12) best = { ledger, slot, score };
    }
    if (best === undefined) return undefined;
    best.ledger.take(best.slot);
    if (best.slot.addsReceiver) receivers++;
    taken.push(best.slot);
  }
  return taken;
}

/** Neighbouring ranks share hosts: most programs talk most to their neighbours. */
function inHostOrder(slots: readonly Slot[]): readonly PlacedVm[] {
  const hosts = [...new Set(slots.map(({ node }) => node.id))];
  return hosts.flatMap((host) =>
    slots.filter(({ node }) => node.id === host).map(({ node, reuse }) => ({ nodeId: node.id, reuse: reuse?.id })),
  );
}

/** Why the job can never run here, whatever ends or is resumed; undefined when it could. */
function impossible(shape: JobShape, nodes: readonly PlacementNode[]): string | undefined {
  const wanted = `${counted(shape.vms, 'VM')} of ${counted(shape.vcpus, 'vCPU')}`;
  const cores = nodes.reduce((sum, node) => sum + node.cores, 0);
  if (nodes.length === 0) return 'the cluster has no nodes';
  if (shape.vms * shape.vcpus > cores) return `${wanted} need ${counted(shape.vms * shape.vcpus, 'core')}; the cluster has ${cores}`;
  const byCores = nodes.reduce((sum, node) => sum + Math.floor(node.cores / shape.vcpus), 0);
  if (byCores < shape.vms) return `${wanted} do not fit: the nodes have room for ${byCores} of that size`;
  const room = nodes.reduce(
    (sum, node) => sum + Math.min(Math.floor(node.cores / shape.vcpus), Math.floor(node.memoryBytes / shape.memoryBytes)),
    0,
  );
  if (room >= shape.vms) return undefined;
  const largest = Math.max(...nodes.map(({ memoryBytes }) => memoryBytes));
  return `${wanted} with ${mebibytes(shape.memoryBytes)} of memory each do not fit: the nodes have room for ${room} (the largest has ${mebibytes(largest)})`;
}

function busy(shape: JobShape, { nodes, idle }: ClusterView): string {
  const open = nodes.filter(({ closed }) => closed === undefined);
  const free = open.reduce((sum, node) => sum + node.freeCores, 0);
  const held = idle.filter(({ nodeId }) => open.some(({ id }) => id === nodeId)).reduce((sum, vm) => sum + vm.vcpus, 0);
  const closed = nodes.filter((node) => node.closed !== undefined).map(({ name, closed }) => `${name} is ${closed ?? ''}`);
  const cores = nodes.reduce((sum, node) => sum + node.cores, 0);
  const needed = shape.vms * shape.vcpus;
  const lack =
    needed > free + held ? `it needs ${counted(needed, 'core')}, and ${free + held} of ${cores} are free` : 'too little memory is free';
  return [lack, ...closed].join('; ');
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
