/** verbena files, fetch: what the ranks of a job left in their working directories. */
import { create } from '@bufbuild/protobuf';
import { storagev1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Column } from '../terminal/table.ts';
import { humanBytes, parseCount } from '../terminal/units.ts';

const columns: readonly Column<storagev1.OutputFile>[] = [
  { title: 'RANK', value: ({ rank }) => String(rank), align: 'right' },
  { title: 'SIZE', value: ({ size }) => humanBytes(size), align: 'right' },
  { title: 'PATH', value: ({ path }) => path, least: 20 },
];

async function list(context: CommandContext, jobId: string): Promise<void> {
  const { filesOf } = await import('../run/fetch-files.ts');
  const files = await filesOf(await context.session(), jobId);
  await context.printList({
    desc: storagev1.ListFilesResponseSchema,
    message: create(storagev1.ListFilesResponseSchema, { files }),
    rows: files,
    columns,
    empty: `${jobId} has left no files.`,
  });
}

async function fetch(
  context: CommandContext,
  jobId: string,
  paths: readonly string[],
  options: { out: string; rank?: number },
): Promise<void> {
  const { fetchFiles } = await import('../run/fetch-files.ts');
  const session = await context.session();
  const fetched = await fetchFiles(session, jobId, {
    directory: options.out,
    cwd: context.io.cwd,
    wanted: ({ rank, path }) => (options.rank === undefined || rank === options.rank) && (paths.length === 0 || paths.includes(path)),
  });
  if (fetched.files.length === 0)
    throw new CliError(`${jobId} has left no such files; "verbena files ${jobId}" lists them`, exitCodes.notFound);
  if (context.json)
    return context.printJson(storagev1.ListFilesResponseSchema, create(storagev1.ListFilesResponseSchema, { files: [...fetched.files] }));
  await context.line(`${fetched.files.length} files, ${humanBytes(fetched.bytes)}, in ${options.out}`);
}

export function registerFiles({ program, action }: Registry): void {
  example(
    program
      .command('files')
      .description('list the files that a job has written')
      .argument('<job>', 'job id')
      .action(action((context, [id = '']) => list(context, id))),
    'verbena files job-7k2m9q',
  );
  example(
    program
      .command('fetch')
      .summary('fetch the files that a job has written')
      .description('fetch files that the ranks of a job have written, as <dir>/rank-<n>/<path>')
      .argument('<job>', 'job id')
      .argument('[paths...]', 'only these')
      .option('--out <dir>', 'where to', '.')
      .option('--rank <rank>', 'only of this rank', parseCount('--rank', 0))
      .action(action((context, [id = '', ...paths], options: { out: string; rank?: number }) => fetch(context, id, paths, options))),
    'verbena fetch job-7k2m9q heat.ppm --out results',
  );
}
