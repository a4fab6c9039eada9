/** verbena up, down: the cluster on this machine. */
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { usageError } from '../errors.ts';
import { parseBytes, parseCount } from '../terminal/units.ts';

export interface UpOptions {
  readonly detach?: boolean;
  readonly hosts: number;
  readonly cores: number;
  readonly memory?: number;
  readonly listen?: string;
}

/** "7070", "127.0.0.1:7070", ":0". */
export function parseListen(text: string): { host?: string; port: number } {
  const match = /^(?:(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]*):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2] ?? Number.NaN);
  if (!match || port > 65535) throw usageError(`--listen wants a port or host:port, not "${text}"`);
  const host = match[1]?.replace(/^\[|\]$/g, '');
  return host ? { host, port } : { port };
}

async function up(context: CommandContext, options: UpOptions): Promise<number> {
  if (options.listen !== undefined) parseListen(options.listen);
  if (options.detach) return (await import('../up/detached.ts')).upDetached(context, options);
  return (await import('../up/foreground.ts')).upForeground(context, options);
}

export function registerUp({ program, action }: Registry): void {
  example(
    program
      .command('up')
      .summary('start a cluster on this machine')
      .description(
        'Starts a cluster on this machine: every service, and hosts with as many cores as asked for. Runs until Ctrl-C, or with -d in the ' +
          'background until "verbena down". Jobs, images and events are kept in the data directory. With DATABASE_URL set, the event log is there.',
      )
      .option('-d, --detach', 'start in the background, and return when it is ready')
      .option('--hosts <count>', 'number of hosts', parseCount('--hosts', 1, 256), 4)
      .option('--cores <count>', 'cores of each host: so many VMs can run on it', parseCount('--cores', 1, 256), 2)
      .option('--memory <size>', 'memory of each host for VMs', parseBytes)
      .option('--listen <port>', 'port (or host:port) of the gateway; any free one otherwise')
      .action(action((context, _args, options: UpOptions) => up(context, options))),
    'verbena up -d --hosts 4 --cores 2',
  );
  example(
    program
      .command('down')
      .summary('stop the cluster')
      .description('stop the cluster that "verbena up" has started; running jobs are ended')
      .action(action(async (context) => (await import('../up/down.ts')).down(context))),
    'verbena down',
  );
}
