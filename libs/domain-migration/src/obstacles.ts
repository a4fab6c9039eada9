/** Whether a VM could move to a node, from what is known of both; pure, so that a check and a request give the same answer. */

export interface MigratingVm {
  readonly id: string;
  readonly nodeId: string;
  /** It runs or is idle; false for one that still boots, or is gone. */
  readonly up: boolean;
  /** What it is doing, in a word. */
  readonly state: string;
  readonly vcpus: number;
  /** Bytes. */
  readonly memoryBytes: number;
  /** A bypass adapter is attached: its queue pairs live in the host's adapter, where a plain copy of the VM would leave them behind. */
  readonly bypassAdapter: boolean;
}

export interface TargetNode {
  readonly id: string;
  /** Why it takes nothing ("drained", "lost"); undefined when it does. */
  readonly closed: string | undefined;
  readonly freeCores: number;
  readonly freeMemoryBytes: number;
}

/** Every reason against a plain migration, worst first; empty when there is none. `target` is undefined when no such node exists. */
export function obstacles(vm: MigratingVm, targetId: string, target: TargetNode | undefined): readonly string[] {
  const found: string[] = [];
  if (!vm.up) found.push(`VM ${vm.id} is ${vm.state}: only a VM that is up can move`);
  if (vm.bypassAdapter) {
    found.push(
      `VM ${vm.id} has a bypass adapter attached: its connections live in the host's adapter, and a plain migration would cut them`,
    );
  }
  if (targetId === vm.nodeId) return [...found, `VM ${vm.id} is on ${targetId} already`];
  if (target === undefined) return [...found, targetId === '' ? 'no target node is given' : `there is no node ${JSON.stringify(targetId)}`];
  if (target.closed !== undefined) found.push(`node ${target.id} is ${target.closed}`);
  if (target.freeCores < vm.vcpus)
    found.push(`node ${target.id} has ${Math.max(0, target.freeCores)} free cores; the VM needs ${vm.vcpus}`);
  if (target.freeMemoryBytes < vm.memoryBytes) {
    found.push(`node ${target.id} has ${Math.max(0, target.freeMemoryBytes)} bytes of memory free; the VM needs ${vm.memoryBytes}`);
  }
  return found;
}
