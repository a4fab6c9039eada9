/** verbena at: the cluster, a job or a VM as it was at a moment of the past, folded from the event log. */
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { eventv1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { factLines, tableLines, type Column } from '../terminal/table.ts';
import { plain, truncate } from '../terminal/text.ts';
import { localTime } from '../terminal/times.ts';
import { parseMoment } from './events.ts';

interface Options {
  readonly live?: boolean;
}

const columns: readonly Column<eventv1.Entity>[] = [
  { title: 'KIND', value: ({ kind }) => kind },
  { title: 'ID', value: ({ id }) => id },
  { title: 'STATUS', value: ({ status }) => status },
  { title: 'NAME', value: ({ name }) => name, least: 6 },
  { title: 'JOB', value: ({ kind, jobId }) => (kind === 'job' ? '' : jobId) },
  { title: 'NODE', value: ({ nodeId }) => nodeId },
  { title: 'SINCE', value: ({ changed }) => localTime(changed).slice(11, 19) },
];

/** A position is a whole number, a duration has a unit, and "now" is the end of the log. */
export function parseWhen(text: string, now: Date): eventv1.GetStateAtRequest['moment'] {
  if (text === 'now') return { case: undefined };
  if (/^\d{1,18}$/.test(text)) return { case: 'position', value: BigInt(text) };
  return { case: 'time', value: timestampFromDate(parseMoment('at', text, now)) };
}

async function at(context: CommandContext, [when = 'now', id = '']: readonly string[], { live }: Options): Promise<void> {
  const moment = parseWhen(when, new Date());
  const client = (await context.session()).client(eventv1.EventService);
  const answer = await client.getStateAt(create(eventv1.GetStateAtRequestSchema, { moment, id, liveOnly: live === true }));
  if (context.json) return context.printJson(eventv1.GetStateAtResponseSchema, answer);
  const { entities, omitted } = answer;
  await context.note(answer.time === undefined ? 'Before the first event.' : `After event ${answer.position}, ${localTime(answer.time)}:`);
  const [one] = entities;
  if (id !== '' && one !== undefined) return context.io.out(`${entityLines(one, context.io.columns).join('\n')}\n`);
  if (one === undefined) return context.note('There was nothing.');
  await context.io.out(`${tableLines(columns, entities, context.io.columns).join('\n')}\n`);
  if (omitted > 0n) await context.note(`${omitted} more that had ended or are older are not shown; --live leaves out what had ended.`);
}

/** An entity as facts, then its whole state. */
export function entityLines(entity: eventv1.Entity, width: number): string[] {
  const { id, status, name, tenant, jobId, nodeId, version, created, changed, kind } = entity;
  const facts: (readonly [string, string])[] = [
    [kind || 'stream', id],
    ['status', status],
    ...(name === '' ? [] : [['name', name] as const]),
    ['tenant', tenant],
    ...(jobId === '' || kind === 'job' ? [] : [['job', jobId] as const]),
    ...(nodeId === '' ? [] : [['node', nodeId] as const]),
    ['events', String(version)],
    ['created', localTime(created)],
    ['changed', localTime(changed)],
  ];
  return [...factLines(facts, width), 'state', ...stateLines(entity.state).map((line) => truncate(`  ${line}`, width))];
}

/** JSON over several lines, with moments as people read them. */
function stateLines(state: Uint8Array): string[] {
  try {
    const value = JSON.parse(new TextDecoder().decode(state)) as unknown;
    return JSON.stringify(value, null, 2).split('\n').map(plain);
  } catch {
    return [`${state.length} bytes`];
  }
}

export function registerAt({ program, action }: Registry): void {
  example(
    program
      .command('at')
      .summary('the cluster as it was')
      .description(
        'the cluster, or one job, VM or node, as it was at a moment: a position in the event log, a time ago (10m), a date as ISO 8601, or now',
      )
      .argument('<when>', 'position, time ago, date, or "now"')
      .argument('[id]', 'a job, VM, node, image or distribution; everything without one')
      .option('--live', 'leave out what had ended by then')
      .action(action(at)),
    'verbena at 10m',
    'verbena at 2026-11-21T08:00:00Z vm-4x8t1z',
    'verbena at 1234 job-7k2m9q',
  );
}
