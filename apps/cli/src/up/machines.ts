/** The machine plane of the embedded cluster: real machines, or what the caller puts in the place of the hypervisor. */
import { startMachines as startRealMachines, UnconnectedPort, type Machine } from '@verbena/node-agent';
import type { Composition } from './cluster.ts';

export async function startMachines({ options, log, shutdown }: Composition, nodeIds: readonly string[]): Promise<Machine[]> {
  const { hypervisor, hosts, cores, portRate } = options;
  if (hypervisor) return nodeIds.map((nodeId, index) => ({ hypervisor: hypervisor(nodeId), port: new UnconnectedPort(BigInt(index + 1)) }));
  const onStop = (name: string, stop: () => Promise<void> | void): void => shutdown.add(name, stop);
  return startRealMachines({ log, onStop }, { nodeIds, cores: hosts * cores, ...(portRate !== undefined && { portRate }) });
}
