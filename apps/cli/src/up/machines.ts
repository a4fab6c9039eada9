/** The machine plane below the node-agents: one subnet for all hosts, and on each a hypervisor whose domains use the host's port. */
import { createSubnet } from '@verbena/fabric';
import { createEmbeddedHypervisor, WorkerPool, type Hypervisor } from '@verbena/hypervisor';
import { UnconnectedPort, type NodePort } from '@verbena/node-agent';
import type { Composition } from './cluster.ts';

export interface Machine {
  readonly hypervisor: Hypervisor;
  /** The host's port in the subnet; down until the scheduler has given it a LID. */
  readonly port: NodePort;
}

/** How often the adapters' timers are looked at, in milliseconds. */
const tickMs = 10;
/** Threads that wait ready for a boot, all hosts together: more than a usual job has ranks would only take memory. */
const mostWarmThreads = 8;

export async function startMachines(composition: Composition, nodeIds: readonly string[]): Promise<Machine[]> {
  const { options, log, shutdown } = composition;
  const { hypervisor } = options;
  if (hypervisor) return nodeIds.map((nodeId, index) => ({ hypervisor: hypervisor(nodeId), port: new UnconnectedPort(BigInt(index + 1)) }));
  const subnet = await createSubnet();
  shutdown.add('subnet', () => subnet.close());
  const timer = setInterval(() => subnet.tick(performance.now()), tickMs);
  shutdown.add('adapter timers', () => clearInterval(timer));
  const pool = new WorkerPool({ size: Math.min(mostWarmThreads, options.hosts * options.cores) });
  shutdown.add('vCPU threads', () => pool.close());
  return Promise.all(
    nodeIds.map(async (nodeId) => {
      const port = subnet.addPort({ nodeName: nodeId, lid: 0 });
      const onGuestLog = (vm: string, line: string): void => log.info({ node: nodeId, vm, line }, 'a guest says');
      return { hypervisor: await createEmbeddedHypervisor({ port, pool, onGuestLog }), port };
    }),
  );
}
