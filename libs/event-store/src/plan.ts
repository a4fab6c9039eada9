/**
 * What a batch of appends comes to. Many callers share one transaction (group commit), so that a disk that syncs 300 times a second carries
 * thousands of appends; this decides, in the callers' order, who may write, as if each had come alone. Pure: the transaction reads what is, this
 * says what shall be.
 */
import { traceIdOf, type AppendOptions, type AppendResult, type StreamAppend } from '@verbena/event-sourcing';
import type { EventRow } from './schema.ts';

export interface Request {
  readonly appends: readonly StreamAppend[];
  readonly options: AppendOptions;
  /** JSON of each payload, in the order of the appends and their events. */
  readonly payloads: readonly string[];
  /** An id for each event, chosen before the first attempt: they tell, after a lost connection, whether that attempt was committed. */
  readonly ids: readonly string[];
}

/** What the log holds that matters to a batch, read under the lock. */
export interface Current {
  readonly head: bigint;
  readonly streams: ReadonlyMap<string, { readonly version: number; readonly epoch: number }>;
  readonly commands: ReadonlyMap<string, Range>;
  /** By first event id: requests that an earlier attempt has already committed. */
  readonly committed: ReadonlyMap<string, Range>;
}

export interface Range {
  readonly first: bigint;
  readonly count: number;
}

export type NewEventRow = Omit<EventRow, 'data'> & { data: string };
type Refusal = Extract<AppendResult, { ok: false }>;

/** For each request: written by this batch or before (where its events stand), or refused. */
export type Outcome = { readonly ok: true; readonly range: Range; readonly repeated: boolean } | Refusal;

export interface Plan {
  readonly outcomes: readonly Outcome[];
  readonly events: readonly NewEventRow[];
  readonly streams: ReadonlyMap<string, { readonly version: number; readonly epoch: number }>;
  readonly commands: ReadonlyMap<string, Range>;
}

export function plan(requests: readonly Request[], current: Current, time: Date): Plan {
  const streams = new Map(current.streams);
  const touched = new Map<string, { version: number; epoch: number }>();
  const commands = new Map<string, Range>();
  const events: NewEventRow[] = [];
  let head = current.head;

  const decide = (request: Request): Outcome => {
    const { appends, options } = request;
    const committed = current.committed.get(request.ids[0] ?? '');
    if (committed !== undefined) return { ok: true, range: committed, repeated: false };
    const command =
      options.commandId === undefined ? undefined : (commands.get(options.commandId) ?? current.commands.get(options.commandId));
    if (command !== undefined) return { ok: true, range: command, repeated: true };
    const refusal = refusalOf(appends, streams, options.metadata.epoch ?? 0);
    if (refusal !== undefined) return refusal;
    const range = { first: head + 1n, count: request.ids.length };
    for (const row of rows(request, streams, head, time)) {
      events.push(row);
      const next = { version: row.version, epoch: Math.max(streams.get(row.stream)?.epoch ?? 0, options.metadata.epoch ?? 0) };
      streams.set(row.stream, next);
      touched.set(row.stream, next);
    }
    head += BigInt(range.count);
    if (options.commandId !== undefined) commands.set(options.commandId, range);
    return { ok: true, range, repeated: false };
  };

  return { outcomes: requests.map(decide), events, streams: touched, commands };
}

type Streams = ReadonlyMap<string, { readonly version: number; readonly epoch: number }>;

function refusalOf(appends: readonly StreamAppend[], streams: Streams, epoch: number): Refusal | undefined {
  for (const { stream, expectedVersion } of appends) {
    const { version, epoch: current } = streams.get(stream) ?? { version: 0, epoch: 0 };
    if (epoch < current) return { ok: false, reason: 'stale-epoch', stream, epoch, current };
    if (expectedVersion !== 'any' && expectedVersion !== version) {
      return { ok: false, reason: 'version-conflict', stream, expected: expectedVersion, actual: version };
    }
  }
  return undefined;
}

function rows({ appends, options, payloads, ids }: Request, streams: Streams, head: bigint, time: Date): NewEventRow[] {
  const { metadata } = options;
  const flat = appends.flatMap(({ stream, events }) =>
    events.map(({ type }, index) => ({ stream, type, version: (streams.get(stream)?.version ?? 0) + index + 1 })),
  );
  return flat.map(({ stream, type, version }, index) => ({
    position: head + BigInt(index + 1),
    id: ids[index] ?? '',
    stream,
    version,
    type,
    data: payloads[index] ?? 'null',
    time,
    actor: metadata.actor,
    tenant: metadata.tenant,
    correlation_id: metadata.correlationId ?? null,
    causation_id: metadata.causationId ?? null,
    trace_id: traceIdOf(metadata.traceparent) ?? null,
    traceparent: metadata.traceparent ?? null,
    epoch: metadata.epoch === undefined ? null : BigInt(metadata.epoch),
  }));
}
