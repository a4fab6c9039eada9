/**
 * The migrations of the cluster, folded in memory: the replica that leads is the only writer of their streams. The hand-over is the one append that goes to
 * two streams, the migration's and the VM's: both say it or neither does, so the VM has one owner at any time.
 *
 * Of those that have ended the last are kept; an older one is read again when somebody asks for it by its id.
 */
import {
  isKnownMigration,
  isLiveMigration,
  migrationEnded,
  migrationDecider,
  type Copied,
  type KnownMigration,
  type LiveMigration,
  type MigrationCommand,
  type MigrationEvent,
  type MigrationRefusal,
  type MigrationState,
} from '@verbena/domain-migration';
import { vmDecider, type VmState } from '@verbena/domain-vm';
import {
  accept,
  handle,
  runProjection,
  type EventMetadata,
  type EventStore,
  type Handled,
  type Loaded,
  type ProjectionRunner,
  type RecordedEvent,
} from '@verbena/event-sourcing';
import { callContext, currentTraceparent } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';

type Body<C> = C extends { readonly at: number } ? Omit<C, 'at'> : never;
export type MigrationRequest = Body<MigrationCommand>;
export type MigrationResult = Handled<MigrationEvent, MigrationState, MigrationRefusal>;

type Entry = Loaded<MigrationState>;

/** What is known when a VM is handed over, so that nothing has to be read while it stands. */
export interface HandOverFacts {
  /** What was sent while the guest stood, when the log does not say it yet. */
  readonly sent?: Copied | undefined;
  /** The VM as it was a moment ago. */
  readonly vm?: Loaded<VmState> | undefined;
}

const mostTries = 10;
/** Migrations that have ended and can be listed. */
const mostEnded = 1_000;

const after = ({ state, version }: Entry, events: readonly MigrationEvent[]): Entry => ({
  state: events.reduce(migrationDecider.evolve, state),
  version: version + events.length,
});

/** The number of a quiesce by its position in the log. */
export const quiesceEpochAt = (position: bigint): number => Number(position % BigInt(2 ** 30 - 1)) + 1;

/** The hand-over is refused for good: the VM has ended, or its owner has called the migration off. */
export class HandOverRefused extends Error {
  override readonly name = 'HandOverRefused';
}

export class Migrations {
  readonly #store: EventStore;
  readonly #clock: Clock;
  readonly #log;
  readonly #vms;
  readonly #entries = new Map<string, Entry>();
  readonly #mostEnded: number;
  #ended = 0;
  readonly #listeners = new Set<(id: string) => void>();
  #runner: ProjectionRunner<Migrations> | undefined;

  private constructor(store: EventStore, clock: Clock, keep: number) {
    this.#mostEnded = keep;
    this.#store = store;
    this.#clock = clock;
    this.#log = handle(store, migrationDecider, (id: string) => id);
    this.#vms = handle(store, vmDecider, (id: string) => id);
  }

  /** Folds every migration of the log, and follows it. */
  static async open(store: EventStore, clock: Clock, keep = mostEnded): Promise<Migrations> {
    const all = new Migrations(store, clock, keep);
    all.#runner = await runProjection(store, {
      name: 'migrations',
      initial: all,
      filter: { stream: 'mig-*' },
      evolve: (migrations, recorded) => {
        migrations.#follow(recorded);
        return migrations;
      },
    });
    return all;
  }

  async stop(): Promise<void> {
    await this.#runner?.stop();
  }

  /** In the order in which they were requested. */
  all(): readonly (readonly [string, MigrationState])[] {
    return [...this.#entries].map(([id, { state }]) => [id, state] as const);
  }

  get(id: string): MigrationState | undefined {
    return this.#entries.get(id)?.state;
  }

  /** Also one that ended long ago. */
  async find(id: string): Promise<MigrationState> {
    return this.get(id) ?? (await this.#log.load(id)).state;
  }

  known(id: string): KnownMigration {
    const state = this.#entries.get(id)?.state;
    if (state === undefined || !isKnownMigration(state)) throw new Error(`migration ${id} is not in the log`);
    return state;
  }

  live(): readonly (readonly [string, LiveMigration])[] {
    return this.all().flatMap(([id, state]) => (isLiveMigration(state) ? [[id, state] as const] : []));
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
  async execute(id: string, request: MigrationRequest, commandId?: string): Promise<MigrationResult> {
    const command = { ...request, at: this.#now() } as MigrationCommand;
    const plan = request.type === 'RequestMigration' ? request.data.guestAssisted : undefined;
    const options = { metadata: this.#metadata(id, plan), ...(commandId !== undefined && { commandId }) };
    const result =
      (commandId === undefined && (await this.#atOnce(id, command, options))) || (await this.#log.execute(id, command, options));
    if (result.ok && !result.repeated) this.#remember(id, result);
    return result;
  }

  /**
   * By what is known here of the migration, without reading it first; whoever is the only writer is mostly right.
   * @returns undefined when the log has to be asked
   */
  async #atOnce(
    id: string,
    command: MigrationCommand,
    options: { readonly metadata: EventMetadata },
  ): Promise<MigrationResult | undefined> {
    const known = this.#entries.get(id);
    const decision = known && migrationDecider.decide(command, known.state);
    if (known === undefined || decision?.ok !== true) return undefined;
    const { events } = decision;
    if (events.length === 0) return { ok: true, ...known, events, recorded: [], repeated: false };
    const result = await this.#store.append([{ stream: id, expectedVersion: known.version, events }], options);
    return result.ok ? { ok: true, ...after(known, events), events, recorded: result.events, repeated: false } : undefined;
  }

  /**
   * Makes the target the VM's owner; again changes nothing.
   * @throws {HandOverRefused} when that can never be
   */
  async handOver(id: string, facts: HandOverFacts = {}): Promise<void> {
    const { vmId, sourceNodeId, targetNodeId, targetEpoch, fence } = this.known(id);
    const data = { migrationId: id, fromNodeId: sourceNodeId, nodeId: targetNodeId, nodeEpoch: targetEpoch };
    let migration = this.#entries.get(id) ?? (await this.#log.load(id));
    let vm = facts.vm ?? (await this.#vms.load(vmId));
    for (let tries = 1; tries <= mostTries; tries++) {
      const here = this.#handOver(migration.state, fence, facts.sent);
      const there = vmDecider.decide({ type: 'HandOverVm', data }, vm.state);
      if (!here.ok) throw new HandOverRefused(here.detail);
      if (!there.ok) throw new HandOverRefused(there.detail);
      if (here.events.length === 0) return this.#remember(id, migration);
      const appends = [
        { stream: id, expectedVersion: migration.version, events: here.events },
        { stream: vmId, expectedVersion: vm.version, events: there.events },
      ];
      const result = await this.#store.append(appends, { metadata: this.#metadata(id), commandId: `${id}/hand-over` });
      if (result.ok) return this.#remember(id, result.repeated ? await this.#log.load(id) : after(migration, here.events));
      if (result.reason === 'stale-epoch') throw new HandOverRefused(`${result.stream} is written under epoch ${result.current} by now`);
      [migration, vm] = await Promise.all([this.#log.load(id), this.#vms.load(vmId)]);
    }
    throw new Error(`migration ${id} could not be handed over: its streams change all the time`);
  }

  /** That the guest stands is written with the hand-over: it waits for one append in the place of two. */
  #handOver(state: MigrationState, epoch: number, sent: Copied | undefined): ReturnType<typeof migrationDecider.decide> {
    const at = this.#now();
    const first = state.status === 'copying' && sent !== undefined;
    const suspended = first ? migrationDecider.decide({ type: 'RecordSuspension', at, data: sent }, state) : accept<MigrationEvent>();
    if (!suspended.ok) return suspended;
    const stands = suspended.events.reduce(migrationDecider.evolve, state);
    const handedOver = migrationDecider.decide({ type: 'HandOver', at, data: { epoch } }, stands);
    return handedOver.ok ? accept(...suspended.events, ...handedOver.events) : handedOver;
  }

  vm(vmId: string): Promise<Loaded<VmState>> {
    return this.#vms.load(vmId);
  }

  /** The position of the last quiesce in the log, as the number under which the ranks do it; undefined before the first. */
  async quiesceEpoch(id: string): Promise<number | undefined> {
    const filter = { stream: id, types: ['MigrationQuiescing'] };
    const [last] = await this.#store.readAll({ filter, descending: true, limit: 1 });
    return last === undefined ? undefined : quiesceEpochAt(last.position);
  }

  /** The migration that an earlier request under this command id gave. */
  async byCommand(commandId: string): Promise<string | undefined> {
    return (await this.#store.findCommand(commandId))?.[0]?.stream;
  }

  #now(): number {
    return this.#clock.now().getTime();
  }

  #metadata(id: string, plan?: { readonly tenant: string; readonly jobId: string; readonly fence: number }): EventMetadata {
    const { actor, tenant } = callContext();
    const state = this.get(id);
    const known = plan ?? (state !== undefined && isKnownMigration(state) ? state : undefined);
    const traceparent = currentTraceparent();
    return {
      actor,
      tenant: known?.tenant ?? tenant,
      ...(known !== undefined && { correlationId: known.jobId, epoch: known.fence }),
      ...(traceparent !== undefined && { traceparent }),
    };
  }

  /** What this life of the controller has written itself is known already. */
  #follow({ stream, event, version }: RecordedEvent): void {
    const known = this.#entries.get(stream);
    if (version !== (known?.version ?? 0) + 1) return;
    this.#remember(stream, { state: migrationDecider.evolve(known?.state ?? migrationDecider.initial, event as MigrationEvent), version });
  }

  #remember(id: string, { state, version }: Entry): void {
    const known = this.#entries.get(id);
    if ((known?.version ?? 0) > version) return;
    this.#entries.set(id, { state, version });
    if (migrationEnded(state) && (known === undefined || !migrationEnded(known.state))) this.#forgetOne();
    this.touch(id);
  }

  /** The oldest that has ended, when one more has than are kept. */
  #forgetOne(): void {
    if (++this.#ended <= this.#mostEnded) return;
    for (const [id, { state }] of this.#entries) {
      if (!migrationEnded(state)) continue;
      this.#entries.delete(id);
      this.#ended--;
      return;
    }
  }
}
