/** The machine plane below the node-agents: one subnet for all hosts, and on each a hypervisor whose domains use the host's port. */
import type { Hypervisor } from '@verbena/hypervisor';
import type { Composition } from './cluster.ts';

export interface Machine {
  readonly hypervisor: Hypervisor;
  readonly lid: number;
  readonly guid: bigint;
}

export async function startMachines({ options }: Composition, nodeIds: readonly string[]): Promise<Machine[]> {
  const { hypervisor } = options;
  if (hypervisor) return nodeIds.map((nodeId, index) => ({ hypervisor: hypervisor(nodeId), lid: index + 1, guid: BigInt(index + 1) }));
  throw new Error('the embedded hypervisor is not here yet');
}
