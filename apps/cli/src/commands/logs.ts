/** verbena logs: what the ranks of a job have written. */
import { storagev1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { jsonOf } from '../terminal/json.ts';
import { parseCount } from '../terminal/units.ts';
import { ShownOutput } from '../run/shown-output.ts';
import { rankLabels } from '../run/rank-labels.ts';

interface Options {
  readonly follow?: boolean;
  readonly rank?: number;
  readonly label?: boolean;
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
      .summary('print the output of a job')
      .description('print what the ranks of a job have written, each to the stream it wrote to')
      .argument('<job>', 'job id')
      .option('-f, --follow', 'go on until the job has ended')
      .option('--rank <rank>', 'only this rank', parseCount('--rank', 0))
      .option('--label', 'begin each line with its rank')
      .action(action((context, [id = ''], options: Options) => logs(context, id, options))),
    'verbena logs -f job-7k2m9q --rank 3',
  );
}
