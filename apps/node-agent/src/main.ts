/** A process of its own for the node-agent of one host. It holds no credentials of the database. */
import { availableParallelism, hostname, totalmem } from 'node:os';
import { formatEndpoint } from '@verbena/fabric';
import { byteSize, listenAddress, runService, wholeNumber } from '@verbena/service-kit';
import { z } from 'zod';
import { startNodeAgent } from './agent.ts';
import { startMachines, type MachineOptions } from './machines.ts';

const pageBytes = 65_536;

const variables = z.object({
  /** "node-0"; also its address on the bus. It must stay the same when the process starts again. */
  VERBENA_NODE_ID: z.string().regex(/^node-[a-z0-9][a-z0-9-]{0,59}$/, 'a node id is wanted, such as node-0'),
  VERBENA_NODE_NAME: z.string().default(hostname()),
  VERBENA_NODE_CORES: wholeNumber(1, 4_096).default(availableParallelism()),
  /** For VMs; three quarters of the machine's when nobody says. */
  VERBENA_NODE_MEMORY: byteSize.default(Math.floor((totalmem() * 0.75) / pageBytes) * pageBytes),
  VERBENA_NODE_CACHE: byteSize.default(4 * 1024 ** 3),
  /** Bytes a second, by the adapter's clock of milliseconds. */
  VERBENA_PORT_RATE: byteSize
    .pipe(
      z
        .number()
        .min(1_000, 'at least 1000 bytes a second')
        .max(1_000 * 2 ** 26),
    )
    .optional(),
  /** Where other node-agents reach this one's adapter, and by which address and secret. */
  VERBENA_FABRIC_LISTEN: listenAddress.optional(),
  VERBENA_FABRIC_ADVERTISE: z.string().optional(),
  VERBENA_FABRIC_SECRET: z.string().min(16, 'at least 16 characters are wanted').optional(),
});

function fabricOf(config: z.infer<typeof variables>): MachineOptions['fabric'] {
  const { VERBENA_FABRIC_LISTEN: listen, VERBENA_FABRIC_ADVERTISE: advertise, VERBENA_FABRIC_SECRET: secret } = config;
  if (listen === undefined && secret === undefined) return undefined;
  if (listen === undefined || secret === undefined)
    throw new Error('VERBENA_FABRIC_LISTEN and VERBENA_FABRIC_SECRET belong together: give both, or none for a node whose jobs stay on it');
  return { listen: formatEndpoint(listen.host ?? '0.0.0.0', listen.port), secret, ...(advertise === undefined ? {} : { advertise }) };
}

process.exit(
  await runService({
    name: 'node-agent',
    variables,
    instance: ({ VERBENA_NODE_ID }) => VERBENA_NODE_ID,
    start: async (context, config) => {
      const nodeId = config.VERBENA_NODE_ID;
      const fabric = fabricOf(config);
      const [machine] = await startMachines(context, {
        nodeIds: [nodeId],
        cores: config.VERBENA_NODE_CORES,
        ...(config.VERBENA_PORT_RATE !== undefined && { portRate: config.VERBENA_PORT_RATE }),
        ...(fabric === undefined ? {} : { fabric }),
      });
      if (machine === undefined) throw new Error(`there is no machine for ${nodeId}`);
      return startNodeAgent(context, {
        nodeId,
        name: config.VERBENA_NODE_NAME,
        cores: config.VERBENA_NODE_CORES,
        memoryBytes: config.VERBENA_NODE_MEMORY,
        hypervisor: machine.hypervisor,
        port: machine.port,
        cacheQuotaBytes: config.VERBENA_NODE_CACHE,
      });
    },
  }),
);
