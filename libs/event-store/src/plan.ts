/**
 * What a batch of appends comes to. Many callers share one transaction (group commit), so that a disk that syncs 300 times a second carries
 * thousands of appends; this decides, in the callers' order, who may write, as if each had come alone. Pure: the transaction reads what is, this
 * says what shall be.
 */
import type { AppendOptions, AppendResult, EventMetadata, StreamAppend } from '@verbena/event-sourcing';

/** An event that waits to be written, before it has a place. */
export interface NewEvent {
  readonly type: string;
  readonly schema: number;
  /** JSON. */
  readonly data: string;
  /** Chosen before the first attempt: it tells, after a lost connection, whether that attempt was committed. */
  readonly id: Buffer;
}

export interface Request {
  readonly appends: readonly StreamAppend[];
  readonly options: AppendOptions;
  /** In the order of the appends and their events. */
  readonly events: readonly NewEvent[];
}

export interface StreamState {
  readonly version: number;
  readonly epoch: number;
}

/** What the log holds that matters to a batch, read under the lock. */
export interface Current {
  readonly head: bigint;
  stream(name: string): StreamState | undefined;
  command(id: string): Range | undefined;
  /** Where a request stands that an earlier attempt has already committed. */
  committed(request: Request): Range | undefined;
}

export interface Range {
  readonly first: bigint;
  readonly count: number;
}

export interface PlannedEvent {
  readonly position: bigint;
  readonly stream: string;
  readonly version: number;
  readonly metadata: EventMetadata;
  readonly event: NewEvent;
}

type Refusal = Extract<AppendResult, { ok: false }>;

/** For each request: written by this batch (`events`) or before (`range` says where), or refused. */
export type Outcome =
  { readonly ok: true; readonly range: Range; readonly repeated: boolean; readonly events: readonly PlannedEvent[] | undefined } | Refusal;

export interface Plan {
  readonly outcomes: readonly Outcome[];
  readonly events: readonly PlannedEvent[];
  readonly streams: ReadonlyMap<string, StreamState>;
  readonly commands: ReadonlyMap<string, Range>;
}

const none: StreamState = { version: 0, epoch: 0 };

export function plan(requests: readonly Request[], current: Current): Plan {
  const streams = new Map<string, StreamState>();
  const commands = new Map<string, Range>();
  const events: PlannedEvent[] = [];
  let head = current.head;
  const stateOf = (name: string): StreamState => streams.get(name) ?? current.stream(name) ?? none;

  const decide = (request: Request): Outcome => {
    const { appends, options } = request;
    const { commandId, metadata } = options;
    const committed = current.committed(request);
    if (committed !== undefined) return { ok: true, range: committed, repeated: false, events: undefined };
    const command = commandId === undefined ? undefined : (commands.get(commandId) ?? current.command(commandId));
    if (command !== undefined) return { ok: true, range: command, repeated: true, events: undefined };
    const epoch = metadata.epoch ?? 0;
    const refusal = refusalOf(appends, stateOf, epoch);
    if (refusal !== undefined) return refusal;
    const range = { first: head + 1n, count: request.events.length };
    const own: PlannedEvent[] = [];
    for (const { stream, events: added } of appends) {
      if (added.length === 0) continue;
      const before = stateOf(stream);
      for (let index = 1; index <= added.length; index++) {
        const event = request.events[own.length];
        if (event === undefined) throw new Error('a request has an event for each that its appends name');
        head += 1n;
        own.push({ position: head, stream, version: before.version + index, metadata, event });
      }
      streams.set(stream, { version: before.version + added.length, epoch: Math.max(before.epoch, epoch) });
    }
    for (const event of own) events.push(event);
    if (commandId !== undefined) commands.set(commandId, range);
    return { ok: true, range, repeated: false, events: own };
  };

  return { outcomes: requests.map(decide), events, streams, commands };
}

function refusalOf(appends: readonly StreamAppend[], stateOf: (name: string) => StreamState, epoch: number): Refusal | undefined {
  for (const { stream, expectedVersion } of appends) {
    const { version, epoch: current } = stateOf(stream);
    if (epoch < current) return { ok: false, reason: 'stale-epoch', stream, epoch, current };
    if (expectedVersion !== 'any' && expectedVersion !== version) {
      return { ok: false, reason: 'version-conflict', stream, expected: expectedVersion, actual: version };
    }
  }
  return undefined;
}
