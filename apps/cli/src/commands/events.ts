/** verbena events: the log from which everything else follows. */
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { eventv1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { usageError } from '../errors.ts';
import { jsonOf } from '../terminal/json.ts';
import { displayWidth, plain, truncate } from '../terminal/text.ts';
import { localTime } from '../terminal/times.ts';
import { parseCount, parseSeconds } from '../terminal/units.ts';

interface Options {
  readonly follow?: boolean;
  readonly job?: string;
  readonly vm?: string;
  readonly node?: string;
  readonly stream?: string;
  readonly type?: readonly string[];
  readonly trace?: string;
  readonly since?: string;
  readonly until?: string;
  readonly after?: string;
  readonly limit: number;
}

/** "10m" (ago) or a date as ISO 8601. */
export function parseMoment(option: string, text: string, now: Date): Date {
  const date = /^\d{4}-\d\d-\d\d/.test(text) ? new Date(text) : undefined;
  if (date && !Number.isNaN(date.getTime())) return date;
  if (date) throw usageError(`${option}: "${text}" is not a date; write for example 2026-11-21T08:00:00Z`);
  return new Date(now.getTime() - parseSeconds(text) * 1000);
}

function filterOf(options: Options, now: Date): eventv1.EventFilter {
  return create(eventv1.EventFilterSchema, {
    jobId: options.job ?? '',
    vmId: options.vm ?? '',
    nodeId: options.node ?? '',
    stream: options.stream ?? '',
    types: [...(options.type ?? [])],
    traceId: options.trace ?? '',
    ...(options.since ? { since: timestampFromDate(parseMoment('--since', options.since, now)) } : {}),
    ...(options.until ? { until: timestampFromDate(parseMoment('--until', options.until, now)) } : {}),
  });
}

/** The payload as "key=value" for people. */
export function dataText(data: Uint8Array): string {
  try {
    const value = JSON.parse(new TextDecoder().decode(data)) as unknown;
    if (typeof value !== 'object' || value === null) return String(value);
    return Object.entries(value)
      .map(([key, item]) => `${key}=${typeof item === 'string' && !/[\s"]/.test(item) ? item : JSON.stringify(item)}`)
      .join(' ');
  } catch {
    return `${data.length} bytes`;
  }
}

/** One event as one line: position, time, stream, type, and as much of the payload as fits. */
export function eventLine(event: eventv1.Event, width: number): string {
  const time = localTime(event.time).slice(11);
  const head = `${String(event.position).padStart(5)}  ${time}  ${plain(event.stream).padEnd(21)}  ${plain(event.type)}  `;
  const room = width - displayWidth(head);
  return (room >= 8 ? head + truncate(plain(dataText(event.data)), room) : truncate(head, width)).trimEnd();
}

async function print(context: CommandContext, events: readonly eventv1.Event[]): Promise<void> {
  if (events.length === 0) return;
  const line = (event: eventv1.Event): string =>
    context.json ? JSON.stringify(jsonOf(eventv1.EventSchema, event)) : eventLine(event, context.io.columns);
  await context.io.out(`${events.map(line).join('\n')}\n`);
}

async function list(context: CommandContext, options: Options): Promise<void> {
  const filter = filterOf(options, new Date());
  let afterPosition = parseAfter(options.after);
  const client = (await context.session()).client(eventv1.EventService);
  const limit = options.limit === 0 ? Number.POSITIVE_INFINITY : options.limit;
  const all: eventv1.Event[] = [];
  // The newest are wanted when there is a limit, the oldest first when everything is.
  const descending = options.after === undefined && limit !== Number.POSITIVE_INFINITY;
  do {
    const answer = await client.listEvents({ filter, afterPosition, pageSize: Math.min(500, limit - all.length), descending });
    all.push(...answer.events);
    if (!context.json && !descending) await print(context, answer.events);
    afterPosition = answer.nextAfterPosition;
  } while (afterPosition !== 0n && all.length < limit);
  const events = descending ? all.slice(0, limit).reverse() : all;
  if (context.json) return context.printJson(eventv1.ListEventsResponseSchema, create(eventv1.ListEventsResponseSchema, { events }));
  if (descending) await print(context, events);
  if (events.length === 0) await context.note('No such events.');
}

function parseAfter(text: string | undefined): bigint {
  if (text === undefined) return 0n;
  if (!/^\d{1,18}$/.test(text)) throw usageError(`--after wants a position in the log, a whole number, not "${text}"`);
  return BigInt(text);
}

async function follow(context: CommandContext, options: Options): Promise<void> {
  const filter = filterOf(options, new Date());
  const after = parseAfter(options.after);
  const client = (await context.session()).client(eventv1.EventService);
  const newest = async (): Promise<bigint> => (await client.listEvents({ descending: true, pageSize: 1 })).events[0]?.position ?? 0n;
  const afterPosition = options.after === undefined ? await newest() : after;
  for await (const { events } of client.followEvents({ filter, afterPosition })) await print(context, events);
}

const collectValues = (value: string, before: string[] = []): string[] => [...before, ...value.split(',')];

export function registerEvents({ program, action }: Registry): void {
  example(
    program
      .command('events')
      .summary('read the event log')
      .description('read the event log: the story of a job, a VM, or everything')
      .option('-f, --follow', 'go on with what comes, until interrupted (with --json: one document a line)')
      .option('--job <id>', 'everything that concerns this job')
      .option('--vm <id>', 'everything that concerns this VM')
      .option('--node <id>', 'everything that concerns this node')
      .option('--stream <name>', 'one stream, or all that begin so: "job-*"')
      .option('--type <types>', 'only these types of event (repeatable)', collectValues)
      .option('--trace <id>', 'everything within this trace')
      .option('--since <when>', 'from then on: 10m (ago), or a date')
      .option('--until <when>', 'until then')
      .option('--after <position>', 'from the event after this position')
      .option('--limit <count>', 'the newest so many; 0 means all', parseCount('--limit', 0), 500)
      .action(action((context, _args, options: Options) => (options.follow ? follow(context, options) : list(context, options)))),
    'verbena events --job job-7k2m9q',
    'verbena events --follow --type JobSubmitted,JobCompleted',
  );
}
