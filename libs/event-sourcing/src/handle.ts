/**
 * The repository of an aggregate: load its stream, fold it, decide, append at the version that was read, and decide again on what is true by
 * then when somebody was faster. A repeated command id gives what the first gave, whatever the state has become.
 */
import type { Decider } from './decider.ts';
import type { DomainEvent, EventMetadata, EventStore, RecordedEvent } from './event-store.ts';

/** Between a domain's events and what the log holds, where old events are read as what they would be today. */
export interface EventCodec<E extends DomainEvent> {
  encode(event: E): DomainEvent;
  /** Undefined for an event that no longer means anything. */
  decode(event: DomainEvent): E | undefined;
}

export interface Loaded<S> {
  readonly state: S;
  /** 0 when the stream does not exist. */
  readonly version: number;
}

export interface ExecuteOptions {
  readonly metadata: EventMetadata;
  readonly commandId?: string;
}

export type Handled<E extends DomainEvent, S, R extends string> =
  | (Loaded<S> & {
      readonly ok: true;
      readonly events: readonly E[];
      readonly recorded: readonly RecordedEvent[];
      readonly repeated: boolean;
    })
  | { readonly ok: false; readonly reason: R | 'version-conflict' | 'stale-epoch'; readonly detail: string };

export interface CommandHandler<Id, C, E extends DomainEvent, S, R extends string> {
  load(id: Id): Promise<Loaded<S>>;
  execute(id: Id, command: C, options: ExecuteOptions): Promise<Handled<E, S, R>>;
}

const maximumAttempts = 10;

/** How a payload that needs no translation is read: the log holds what `encode` gave it. */
function identity<E extends DomainEvent>(): EventCodec<E> {
  return { encode: (event) => event, decode: (event) => event as E };
}

/** Binds a decider to a store. `streamName` says where an aggregate lives, for example `(id) => id` for the stream "job-7k2m9q". */
export function handle<Id, C, E extends DomainEvent, S, R extends string>(
  store: EventStore,
  decider: Decider<C, E, S, R>,
  streamName: (id: Id) => string,
  codec: EventCodec<E> = identity<E>(),
): CommandHandler<Id, C, E, S, R> {
  const decodeAll = (recorded: readonly RecordedEvent[]): readonly E[] =>
    recorded.flatMap(({ event }) => {
      const decoded = codec.decode(event);
      return decoded === undefined ? [] : [decoded];
    });
  const fold = (events: readonly E[], from: S): S => events.reduce((state, event) => decider.evolve(state, event), from);

  async function load(id: Id): Promise<Loaded<S>> {
    const recorded = await store.readStream(streamName(id));
    return { state: fold(decodeAll(recorded), decider.initial), version: recorded.at(-1)?.version ?? 0 };
  }

  async function earlier(id: Id, commandId: string): Promise<Handled<E, S, R> | undefined> {
    const recorded = await store.findCommand(commandId);
    return recorded && { ok: true, ...(await load(id)), events: decodeAll(recorded), recorded, repeated: true };
  }

  async function attempt(id: Id, command: C, options: ExecuteOptions): Promise<Handled<E, S, R>> {
    const stream = streamName(id);
    const loaded = await load(id);
    const decision = decider.decide(command, loaded.state);
    // The first attempt at this command may be why it is refused now, so only the log can tell a repeat from a refusal.
    if (!decision.ok) return (options.commandId !== undefined && (await earlier(id, options.commandId))) || decision;
    if (decision.events.length === 0 && options.commandId === undefined) {
      return { ok: true, ...loaded, events: [], recorded: [], repeated: false };
    }
    const result = await store.append([{ stream, expectedVersion: loaded.version, events: decision.events.map(codec.encode) }], options);
    if (result.ok && result.repeated && options.commandId !== undefined) {
      return (await earlier(id, options.commandId)) ?? { ok: true, ...loaded, events: [], recorded: result.events, repeated: true };
    }
    if (result.ok) {
      const version = loaded.version + decision.events.length;
      return {
        ok: true,
        state: fold(decision.events, loaded.state),
        version,
        events: decision.events,
        recorded: result.events,
        repeated: false,
      };
    }
    return { ok: false, reason: result.reason, detail: describe(result) };
  }

  async function execute(id: Id, command: C, options: ExecuteOptions): Promise<Handled<E, S, R>> {
    for (let tries = 1; ; tries++) {
      const handled = await attempt(id, command, options);
      if (handled.ok || handled.reason !== 'version-conflict' || tries === maximumAttempts) return handled;
    }
  }

  return { load, execute };
}

function describe(
  result:
    | { reason: 'version-conflict'; stream: string; expected: number; actual: number }
    | { reason: 'stale-epoch'; stream: string; epoch: number; current: number },
): string {
  return result.reason === 'version-conflict'
    ? `${result.stream} is at version ${result.actual}, not ${result.expected}: somebody else wrote to it`
    : `${result.stream} is owned since epoch ${result.current}; a writer of epoch ${result.epoch} may no longer write to it`;
}
