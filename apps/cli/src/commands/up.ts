/** verbena up, down: the cluster on this machine. */
import type { ListenAddress } from '@verbena/service-kit';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { usageError } from '../errors.ts';
import { doorOptions, type DoorWords } from '../up/door.ts';
import { parseBytes, parseCount, parseRate } from '../terminal/units.ts';

export interface UpOptions extends DoorWords {
  readonly detach?: boolean;
  readonly hosts: number;
  readonly cores: number;
  readonly memory?: number;
  readonly portRate?: number;
  readonly listen?: string;
  readonly processes?: boolean;
}

/** "7070", "127.0.0.1:7070", ":0". */
export async function parseListen(text: string): Promise<ListenAddress> {
  const { parseListenAddress } = await import('@verbena/service-kit');
  const address = parseListenAddress(text);
  if (address === undefined) throw usageError(`--listen wants a port or host:port, not "${text}"`);
  return address;
}

async function up(context: CommandContext, options: UpOptions): Promise<number> {
  if (options.listen !== undefined) await parseListen(options.listen);
  doorOptions(options, context.io.cwd);
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
          'background until "verbena down". Jobs, images and events are kept in the data directory. With DATABASE_URL set, the event log is there. With ' +
          'OTEL_EXPORTER_OTLP_ENDPOINT set, traces go to that collector.',
      )
      .option('-d, --detach', 'start in the background, and return when it is ready')
      .option('--hosts <count>', 'number of hosts', parseCount('--hosts', 1, 256), 4)
      .option('--cores <count>', 'cores of each host: so many VMs can run on it', parseCount('--cores', 1, 256), 2)
      .option('--memory <size>', 'memory of each host for VMs', parseBytes)
      .option('--port-rate <size>', 'most bytes a second that leave each host, shared by the weights of its VMs', parseRate('--port-rate'))
      .option('--listen <port>', 'port (or host:port) of the gateway; any free one otherwise')
      .option('--auth <mode>', 'who may come in: single-user (the default on loopback) or tokens (elsewhere)')
      .option('--tls-certificate <file>', 'speak TLS with this certificate (PEM, with its chain)')
      .option('--tls-key <file>', 'its key')
      .option('--tls-client-ca <file>', 'clients must show a certificate of one of these authorities')
      .option('--processes', 'each service and each node-agent in a process of its own, over a NATS server (nats-server must be installed)')
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
