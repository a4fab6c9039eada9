/** The machine plane below node-agents: one subnet for the hosts of this process, and on each a hypervisor whose domains use the host's port. */
import { createSubnet, type FabricEvent, type FabricOptions } from '@verbena/fabric';
import { createEmbeddedHypervisor, WorkerPool, type Hypervisor } from '@verbena/hypervisor';
import type { Logger } from 'pino';
import type { NodePort } from './node-port.ts';

export interface Machine {
  readonly hypervisor: Hypervisor;
  /** The host's port in the subnet; down until the scheduler has given it a LID. */
  readonly port: NodePort;
}

export interface MachineHost {
  readonly log: Logger;
  /** Registers what must be stopped after the node-agents. */
  onStop(name: string, stop: () => Promise<void> | void): void;
}

export interface MachineOptions {
  readonly nodeIds: readonly string[];
  /** Cores of all hosts together. */
  readonly cores: number;
  /** Most bytes a second that leave the port of each host; as fast as it goes when absent. VMs share a port by weights when it has one. */
  readonly portRate?: number;
  /** Links to node-agents of other processes; without it the subnet lies in this one. */
  readonly fabric?: Pick<FabricOptions, 'listen' | 'advertise' | 'secret'>;
}

/** How often the adapters' timers are looked at, in milliseconds. */
const tickMs = 10;
/** Threads that wait ready for a boot, all hosts together: more than a usual job has ranks would only take memory. */
const mostWarmThreads = 8;

/** Makes a machine for each node, in the same order. */
export async function startMachines(host: MachineHost, { nodeIds, cores, portRate, fabric }: MachineOptions): Promise<Machine[]> {
  const { log } = host;
  const onEvent = (event: FabricEvent): void => tell(log, event);
  const subnet = await createSubnet(fabric === undefined ? {} : { fabric: { ...fabric, onEvent } });
  host.onStop('subnet', () => subnet.close());
  const timer = setInterval(() => subnet.tick(performance.now()), tickMs);
  host.onStop('adapter timers', () => clearInterval(timer));
  const pool = new WorkerPool({ size: Math.min(mostWarmThreads, cores) });
  host.onStop('vCPU threads', () => pool.close());
  return Promise.all(
    nodeIds.map(async (nodeId) => {
      const port = subnet.addPort({ nodeName: nodeId, lid: 0, ...(portRate !== undefined && { rate: Math.floor(portRate / 1_000) }) });
      const onGuestLog = (vm: string, line: string): void => log.info({ node: nodeId, vm, line }, 'a guest says');
      return { hypervisor: await createEmbeddedHypervisor({ port, pool, onGuestLog }), port };
    }),
  );
}

function tell(log: Logger, event: FabricEvent): void {
  if (event.kind === 'refused') log.warn({ from: event.from, reason: event.reason }, 'the fabric refused a connection');
  else
    log.info({ endpoint: event.endpoint, reason: event.reason }, event.up ? 'a link of the fabric is up' : 'a link of the fabric is down');
}
