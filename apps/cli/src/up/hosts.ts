/** The hosts of the embedded cluster: a node-agent, a hypervisor and a port in the subnet for each. */
import { totalmem } from 'node:os';
import { startNodeAgent } from '@verbena/node-agent';
import type { Composition } from './cluster.ts';
import { startMachines } from './machines.ts';

/** The part of the machine's memory that VMs may have, all hosts together. */
const memoryShare = 0.75;
/** A core without this much memory could run no VM. */
const leastPerCore = 512 << 20;
const pageBytes = 65_536;
const cacheQuotaBytes = 4 * 1024 ** 3;

/** Memory of one host when nobody says, in bytes. */
export function defaultHostMemory(hosts: number, cores: number, total = totalmem()): number {
  const share = Math.floor((total * memoryShare) / hosts / pageBytes) * pageBytes;
  return Math.max(share, cores * leastPerCore);
}

export async function startHosts(composition: Composition): Promise<void> {
  const { options, contextFor, add } = composition;
  options.onStep?.(`${options.hosts} hosts`);
  const names = Array.from({ length: options.hosts }, (_, index) => ({ nodeId: `node-${index}`, name: `host-${index}` }));
  const machines = await startMachines(
    composition,
    names.map(({ nodeId }) => nodeId),
  );
  const agents = await Promise.all(
    names.map(async ({ nodeId, name }, index) => {
      const machine = machines[index];
      if (!machine) throw new Error(`there is no machine for ${nodeId}`);
      return startNodeAgent(await contextFor(nodeId, 'node-agent'), {
        nodeId,
        name,
        cores: options.cores,
        memoryBytes: options.memoryBytes ?? defaultHostMemory(options.hosts, options.cores),
        hypervisor: machine.hypervisor,
        port: machine.port,
        cacheQuotaBytes,
      });
    }),
  );
  for (const agent of agents) add(agent);
}
