/** The checkpoints of the cluster, folded in memory: the replica that leads is the only writer of their streams. */
import {
  checkpointDecider,
  isKnownCheckpoint,
  isLiveCheckpoint,
  type CheckpointCommand,
  type CheckpointEvent,
  type CheckpointRefusal,
  type CheckpointState,
  type KnownCheckpoint,
  type StoredCheckpoint,
} from '@verbena/domain-checkpoint';
import { handle, runProjection, type EventMetadata, type EventStore, type Handled, type ProjectionRunner } from '@verbena/event-sourcing';
import { callContext, currentTraceparent } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';

type Body<C> = C extends { readonly at: number } ? Omit<C, 'at'> : never;
export type CheckpointRequest = Body<CheckpointCommand>;
export type CheckpointResult = Handled<CheckpointEvent, CheckpointState, CheckpointRefusal>;

interface Entry {
  readonly state: CheckpointState;
  readonly version: number;
}

export class Checkpoints {
  readonly #store: EventStore;
  readonly #clock: Clock;
  readonly #log;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(id: string) => void>();
  #runner: ProjectionRunner<Checkpoints> | undefined;

  private constructor(store: EventStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#log = handle(store, checkpointDecider, (id: string) => id);
  }

  /** Folds every checkpoint of the log, and follows it. */
  static async open(store: EventStore, clock: Clock): Promise<Checkpoints> {
    const all = new Checkpoints(store, clock);
    all.#runner = await runProjection(store, {
      name: 'checkpoints',
      initial: all,
      filter: { stream: 'ckpt-*' },
      evolve: (checkpoints, { stream, event, version }) => {
        const known = checkpoints.#entries.get(stream);
        // What this life of the controller has written itself is known already.
        if (version === (known?.version ?? 0) + 1) {
          const state = checkpointDecider.evolve(known?.state ?? checkpointDecider.initial, event as CheckpointEvent);
          checkpoints.#remember(stream, { state, version });
        }
        return checkpoints;
      },
    });
    return all;
  }

  async stop(): Promise<void> {
    await this.#runner?.stop();
  }

  /** In the order in which they were begun. */
  all(): readonly (readonly [string, KnownCheckpoint])[] {
    return [...this.#entries].flatMap(([id, { state }]) => (isKnownCheckpoint(state) ? [[id, state] as const] : []));
  }

  live(): readonly string[] {
    return this.all().flatMap(([id, state]) => (isLiveCheckpoint(state) ? [id] : []));
  }

  stored(): readonly (readonly [string, StoredCheckpoint])[] {
    return this.all().flatMap(([id, state]) => (state.status === 'stored' ? [[id, state] as const] : []));
  }

  get(id: string): KnownCheckpoint | undefined {
    const state = this.#entries.get(id)?.state;
    return state !== undefined && isKnownCheckpoint(state) ? state : undefined;
  }

  known(id: string): KnownCheckpoint {
    const state = this.get(id);
    if (state === undefined) throw new Error(`checkpoint ${id} is not in the log`);
    return state;
  }

  onChange(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells whoever watches that something changed which is not in the log. */
  touch(id: string): void {
    for (const listener of [...this.#listeners]) listener(id);
  }

  /** Decides and appends, on behalf of whoever the call context names. */
  async execute(id: string, request: CheckpointRequest): Promise<CheckpointResult> {
    const command = { ...request, at: this.#clock.now().getTime() } as CheckpointCommand;
    const plan = request.type === 'StartCheckpoint' ? request.data : this.get(id);
    const result = await this.#log.execute(id, command, { metadata: metadataFor(plan) });
    if (result.ok && !result.repeated) this.#remember(id, result);
    return result;
  }

  /** The position in the log at which the ranks were asked to stand still, as the number under which they do. @throws Error before that */
  async epoch(id: string): Promise<number> {
    const filter = { stream: id, types: ['CheckpointQuiescing'] };
    const [last] = await this.#store.readAll({ filter, descending: true, limit: 1 });
    if (last === undefined) throw new Error(`no rank was asked to stand still for ${id}`);
    return Number(last.position % BigInt(2 ** 30 - 1)) + 1;
  }

  #remember(id: string, { state, version }: Entry): void {
    if ((this.#entries.get(id)?.version ?? 0) > version) return;
    this.#entries.set(id, { state, version });
    this.touch(id);
  }
}

function metadataFor(plan: { readonly jobId: string; readonly tenant: string } | undefined): EventMetadata {
  const { actor, tenant } = callContext();
  const traceparent = currentTraceparent();
  return {
    actor,
    tenant: plan?.tenant ?? tenant,
    ...(plan !== undefined && { correlationId: plan.jobId }),
    ...(traceparent !== undefined && { traceparent }),
  };
}
