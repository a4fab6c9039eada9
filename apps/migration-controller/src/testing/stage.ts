/** What every world of the migration controller stands on: a log, a bus, calls that can be made to fail, and controllers that die and have successors. */
import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import type { Served } from '@verbena/messaging';
import { createMemoryEventStore, type EventStore } from '@verbena/event-sourcing';
import type { RunningService } from '@verbena/service-kit';
import { manualClock, mortal, testContext, type Fate, type ManualClock, type Mortal, type TestContext } from '@verbena/service-kit/testing';
import { startMigrationController } from '../migration-controller.ts';

type Parts = Omit<Parameters<typeof startMigrationController>[1], 'store'>;

export class Stage {
  readonly clock: ManualClock;
  readonly store: EventStore;
  /** What was asked of whom, in order: "node-0 suspend". */
  readonly calls: string[] = [];
  /** Calls that fail: for good with FAILED_PRECONDITION, once with UNAVAILABLE. */
  readonly failing = new Map<string, 'always' | 'once'>();
  /** Decides at which of its moments the controller dies. */
  fate: Fate = () => false;
  readonly #context: TestContext;
  readonly #lives: Mortal[] = [];
  #parts: Parts = {};
  #controller: RunningService | undefined;

  private constructor(clock: ManualClock, context: TestContext) {
    this.clock = clock;
    this.store = createMemoryEventStore({ now: () => clock.now() });
    this.#context = context;
  }

  static async open(): Promise<Stage> {
    const clock = manualClock();
    return new Stage(clock, await testContext({ clock }));
  }

  get bus(): TestContext['bus'] {
    return this.#context.bus;
  }

  /** Of the controller that runs now. */
  get life(): Mortal {
    const life = this.#lives.at(-1);
    if (life === undefined) throw new Error('no controller was started yet');
    return life;
  }

  serve<S extends DescService>(service: S, some: Partial<ServiceImpl<S>>, address?: string): Promise<Served> {
    return this.bus.serve(service, some as ServiceImpl<S>, address);
  }

  /** Notes a call, and fails it when it shall. */
  call(what: string): void {
    this.calls.push(what);
    const how = this.failing.get(what);
    if (how === undefined) return;
    if (how === 'once') this.failing.delete(what);
    throw new ConnectError(`${what} fails`, how === 'once' ? Code.Unavailable : Code.FailedPrecondition);
  }

  /** Starts the first controller; its successors are started alike. */
  async begin(parts: Parts): Promise<void> {
    this.#parts = parts;
    await this.#succeed();
  }

  /** Lets everything go on until what is asked for has come to its end; a controller that has died has a successor. */
  async untilOver<T extends { readonly phase: string }>(
    id: string,
    phases: ReadonlySet<string>,
    get: (id: string) => Promise<T | undefined>,
  ): Promise<T> {
    for (let turn = 0; turn < 3_000; turn++) {
      if (this.life.dead) {
        this.fate = () => false;
        await this.#succeed();
      }
      const found = await get(id);
      if (found !== undefined && phases.has(found.phase)) return found;
      if (turn % 10 === 9) await this.clock.advance(250);
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new Error(`${id} does not end; last were ${this.calls.slice(-6).join(', ')}`);
  }

  async story(id: string): Promise<readonly string[]> {
    return (await this.store.readStream(id)).map(({ event }) => event.type);
  }

  async stop(): Promise<void> {
    await this.#controller?.stop();
    await this.#context.dispose();
  }

  async #succeed(): Promise<void> {
    const life: Mortal = mortal(this.bus, this.store, (moment) => this.#lives.at(-1) === life && this.fate(moment));
    this.#lives.push(life);
    this.#controller = await startMigrationController({ ...this.#context, bus: life.bus }, { store: life.store, ...this.#parts });
  }
}
