/** verbena logs --service: what the services of a cluster on this machine have logged. */
import { busServices, logLevels, prettyLine } from '@verbena/service-kit';
import type { CommandContext } from '../command-context.ts';
import { namedEndpoint } from '../endpoint/target.ts';
import { CliError, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { levelNumber, type RecordFilter, type ServiceRecord } from '../service-logs/records.ts';
import { ServiceLogs } from '../service-logs/service-logs.ts';
import { parseMoment } from './events.ts';

export interface ServiceLogOptions {
  readonly service: string;
  readonly follow?: boolean;
  readonly since?: string;
  readonly level?: string;
  readonly trace?: string;
  readonly limit?: number;
}

const usualLimit = 500;
/** Those that may have had nothing to say yet. */
const known: ReadonlySet<string> = new Set([...busServices, 'node-agent', 'verbena', 'nats']);

function filterOf({ service, since, level = 'trace', trace }: ServiceLogOptions): RecordFilter {
  const leastLevel = levelNumber(level);
  if (leastLevel === undefined) throw usageError(`--level wants one of ${[...logLevels.values()].join(', ')}, not "${level}"`);
  if (trace !== undefined && !/^[0-9a-f]{32}$/.test(trace)) throw usageError(`--trace wants 32 hexadecimal digits, not "${trace}"`);
  return {
    leastLevel,
    since: since === undefined ? 0 : parseMoment('--since', since, new Date()).getTime(),
    ...(service !== 'all' && { service }),
    ...(trace !== undefined && { traceId: trace }),
  };
}

/**
 * The logs are files of whoever started the cluster, in its data directory, so that they can be read when nothing of it runs; over the network nobody is
 * shown them.
 */
export async function serviceLogs(context: CommandContext, options: ServiceLogOptions): Promise<void> {
  const filter = filterOf(options);
  const { dataDir } = context.where;
  const elsewhere = await namedEndpoint(context.where);
  if (elsewhere !== undefined)
    throw usageError(
      `the logs of services are files of the machine that they run on: there, name the data directory instead of ${elsewhere}`,
    );
  const logs = new ServiceLogs(dataDir, filter);
  let printed = false;
  const print = (record: ServiceRecord): Promise<void> => {
    printed = true;
    return context.line(context.json ? record.json : prettyLine(record.json, { whole: true }));
  };
  try {
    const newest: ServiceRecord[] = [];
    const limit = options.limit === 0 ? Number.POSITIVE_INFINITY : (options.limit ?? usualLimit);
    for await (const record of logs.read()) {
      if (limit === Number.POSITIVE_INFINITY) await print(record);
      else if (newest.push(record) > 2 * limit) newest.splice(0, limit);
    }
    for (const record of newest.slice(-limit)) await print(record);
    if (options.follow === true) for await (const record of logs.follow()) await print(record);
    else if (!printed) await explainNothing(context, options, logs.names);
  } finally {
    await logs.close();
  }
}

/** Nothing was found: of a service that there is, or of a name that is wrong? */
async function explainNothing(context: CommandContext, { service }: ServiceLogOptions, names: ReadonlySet<string>): Promise<void> {
  const { dataDir } = context.where;
  if (names.size === 0) throw new CliError(`there are no logs in ${dataDir}; --data-dir names that of another cluster`, exitCodes.notFound);
  if (service === 'all' || names.has(service) || known.has(service)) return context.note('No such records.');
  throw new CliError(`nothing called "${service}" has logged in ${dataDir}; there are ${[...names].sort().join(', ')}`, exitCodes.notFound);
}
