/** verbena logs: what the ranks of a job have written, or what services have logged. */
import { storagev1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { jsonOf } from '../terminal/json.ts';
import { usageError } from '../errors.ts';
import { parseCount } from '../terminal/units.ts';
import { ShownOutput } from '../run/shown-output.ts';
import { rankLabels } from '../run/rank-labels.ts';
import type { ServiceLogOptions } from './service-logs.ts';

interface Options extends Partial<ServiceLogOptions> {
  readonly rank?: number;
  readonly label?: boolean;
}

const ofServices = ['since', 'level', 'trace', 'limit'] as const;
const ofJobs = ['rank', 'label'] as const;

async function either(context: CommandContext, jobId: string | undefined, options: Options): Promise<void> {
  const { service } = options;
  const refuse = (names: readonly (keyof Options)[], other: string): void => {
    const wrong = names.find((name) => options[name] !== undefined);
    if (wrong !== undefined) throw usageError(`--${wrong} goes with ${other}`);
  };
  if (service === undefined) {
    refuse(ofServices, '--service');
    if (jobId === undefined) throw usageError('logs wants a job, or --service with the name of a service');
    return logs(context, jobId, options);
  }
  refuse(ofJobs, 'a job');
  if (jobId !== undefined) throw usageError(`logs wants a job or --service, not both "${jobId}" and "${service}"`);
  return (await import('./service-logs.ts')).serviceLogs(context, { ...options, service });
}

async function logs(context: CommandContext, jobId: string, options: Options): Promise<void> {
  const client = (await context.session()).client(storagev1.OutputService);
  const label = options.label ? rankLabels() : undefined;
  const again = new ShownOutput();
  const request = { jobId, follow: options.follow === true, ...(options.rank === undefined ? {} : { rank: options.rank }) };
  for await (const { pieces } of client.streamOutput(request))
    for (const piece of pieces) {
      const shown = again.take(piece);
      if (shown.note !== undefined) await context.note(`verbena: ${shown.note}`);
      if (context.json) await context.line(JSON.stringify(jsonOf(storagev1.OutputPieceSchema, piece)));
      else {
        const data = label ? label.label(piece.rank, piece.stream, shown.data) : shown.data;
        await (piece.stream === storagev1.OutputStream.STDERR ? context.io.err(data) : context.io.out(data));
      }
    }
  for (const { stream, data } of label?.rest() ?? [])
    await (stream === storagev1.OutputStream.STDERR ? context.io.err(data) : context.io.out(data));
}

export function registerLogs({ program, action }: Registry): void {
  example(
    program
      .command('logs')
      .summary('print the output of a job, or the log of a service')
      .description(
        'print what the ranks of a job have written, each to the stream it wrote to; or, with --service, what services of a cluster on this machine ' +
          'have logged, in the order of time, whether it is up or not',
      )
      .argument('[job]', 'job id')
      .option('-f, --follow', 'go on until the job has ended; with --service until interrupted')
      .option('--rank <rank>', 'only this rank', parseCount('--rank', 0))
      .option('--label', 'begin each line with its rank')
      .option(
        '--service <name>',
        'a service or a process, such as scheduler, node-agent, node-0, nats; verbena for what holds them; or all',
      )
      .option('--level <level>', 'of a service: from this level on (trace, debug, info, warn, error, fatal)')
      .option('--trace <id>', 'of a service: only within this trace')
      .option('--since <when>', 'of a service: from then on: 10m (ago), or a date')
      .option('--limit <count>', 'of a service: the newest so many; 0 means all (500)', parseCount('--limit', 0))
      .action(action((context, [id], options: Options) => either(context, id, options))),
    'verbena logs -f job-7k2m9q --rank 3',
    'verbena logs --service scheduler --since 10m --level warn',
  );
}
