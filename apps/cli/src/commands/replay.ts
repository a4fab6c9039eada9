/** verbena replay: builds read models again from the event log, and says whether they came out the same. */
import { eventv1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { CliError, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { jsonOf } from '../terminal/json.ts';
import { bar, progressLine, type Progress } from '../terminal/progress.ts';
import type { Column } from '../terminal/table.ts';

interface Options {
  readonly projection?: readonly string[];
  readonly all?: boolean;
  readonly check?: boolean;
}

const columns = (head: bigint): readonly Column<eventv1.ReadModel>[] => [
  { title: 'PROJECTION', value: ({ name }) => name },
  { title: 'POSITION', value: ({ position }) => String(position), align: 'right' },
  { title: 'BEHIND', value: ({ position }) => String(head - position), align: 'right' },
  { title: 'ROWS', value: ({ rows }) => String(rows), align: 'right' },
  { title: 'PROBLEM', value: ({ problem }) => problem, least: 10 },
];

async function list(context: CommandContext): Promise<void> {
  const client = (await context.session()).client(eventv1.EventService);
  const message = await client.listReadModels({});
  const { models, head } = message;
  await context.printList({ desc: eventv1.ListReadModelsResponseSchema, message, rows: models, columns: columns(head), empty: 'None.' });
  await context.note('"--projection NAME" or "--all" builds them again.');
}

async function replay(context: CommandContext, options: Options): Promise<number> {
  const { projection: named = [], all = false, check = false } = options;
  if (all && named.length > 0) throw usageError('--all and --projection exclude each other');
  if (!all && named.length === 0) {
    await list(context);
    return exitCodes.ok;
  }
  const client = (await context.session()).client(eventv1.EventService);
  const names = all ? (await client.listReadModels({})).models.map(({ name }) => name) : named;
  const progress = progressLine(context.io, context.options);
  const outcomes: eventv1.ReplayOutcome[] = [];
  for (const name of names) {
    const steps = client.replayReadModel({ name, checkOnly: check });
    const outcome = await follow(name, steps, progress).finally(() => progress.clear());
    outcomes.push(outcome);
    if (!context.json) for (const line of outcomeLines(outcome)) await context.line(line);
  }
  if (context.json)
    await context.io.out(`${JSON.stringify({ outcomes: outcomes.map((one) => jsonOf(eventv1.ReplayOutcomeSchema, one)) }, null, 2)}\n`);
  return outcomes.every(isEqual) ? exitCodes.ok : exitCodes.failed;
}

async function follow(
  name: string,
  steps: AsyncIterable<eventv1.ReplayReadModelResponse>,
  progress: Progress,
): Promise<eventv1.ReplayOutcome> {
  for await (const { step } of steps) {
    if (step.case === 'outcome') return step.value;
    if (step.case !== 'progress') continue;
    const { phase, position, target } = step.value;
    const part = target === 0n ? 1 : Number(position) / Number(target);
    progress.show(`${name}: ${phase === 'reading' ? `${bar(part)} event ${position} of ${target}` : phase}`);
  }
  throw new CliError(`the replay of ${name} ended without an outcome; what was in use still is`);
}

const isEqual = ({ liveHash, rebuiltHash }: eventv1.ReplayOutcome): boolean => liveHash === rebuiltHash;

/** What came of a replay, with both hashes in full: they are what somebody may want to compare elsewhere. */
export function outcomeLines(outcome: eventv1.ReplayOutcome): string[] {
  const { name, position, events, rows, liveHash, rebuiltHash, swapped } = outcome;
  const equal = isEqual(outcome);
  const verdict = equal ? 'equal' : swapped ? 'DIFFERENT: the rebuilt one is in use now' : 'DIFFERENT: the live one is still in use';
  return [
    `${name}: ${verdict}`,
    `  ${rows} rows from ${events} events, at position ${position}`,
    // SHA-256 goes without saying, and would not fit into 80 columns.
    `  live     ${liveHash.replace(/^sha256:/, '')}`,
    `  rebuilt  ${rebuiltHash.replace(/^sha256:/, '')}`,
  ];
}

const collectValues = (value: string, before: string[] = []): string[] => [...before, ...value.split(',').filter((name) => name !== '')];

export function registerReplay({ program, action }: Registry): void {
  example(
    program
      .command('replay')
      .summary('rebuild read models from the event log')
      .description(
        'build read models again from the event log, into fresh tables that take the place of those in use; code 1 when they differ. ' +
          'Without options: which there are, and how far each has come',
      )
      .option('--projection <names>', 'only these (repeatable)', collectValues)
      .option('--all', 'every one')
      .option('--check', 'only compare, and leave in use what is')
      .action(action((context, _args, options: Options) => replay(context, options))),
    'verbena replay --all',
    'verbena replay --projection jobs --check',
  );
}
