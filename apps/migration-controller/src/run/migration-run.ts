/** One migration from its start to its end, in this life of the controller: the log says what is to be done next. */
import { migrationEnded } from '@verbena/domain-migration';
import { backward, forward, StepFailed, type SagaPort } from '@verbena/event-sourcing';
import { withCallContext } from '@verbena/messaging';
import { inSpan } from '@verbena/service-kit';
import type { MigrationRequest } from '../migrations.ts';
import { migrationSaga } from './saga.ts';
import { unreserve } from './steps.ts';
import { mayPass, messageOf, VmGone, type MigrationPorts, type Work } from './work.ts';

const pauseMs = 500;

/** The log says something by now that forbids what was to be written. */
class Overtaken extends Error {}

export class MigrationRun {
  readonly id: string;
  readonly #ports: MigrationPorts;
  readonly #work: Work;
  /** Aborts when the migration is to be undone. */
  #turn = new AbortController();

  constructor(id: string, ports: MigrationPorts) {
    this.id = id;
    this.#ports = ports;
    const migration = () => ports.migrations.known(id);
    this.#work = {
      id,
      ports,
      migration,
      place: undefined,
      door: undefined,
      settled: undefined,
      releasedAt: undefined,
      depart: undefined,
      leave: undefined,
    };
  }

  /** Resolves when the migration has ended, or the controller stops. Never rejects. */
  async run(traceparent?: string): Promise<void> {
    const { migrations, tracer, waits } = this.#ports;
    const { tenant, vmId } = migrations.known(this.id);
    const forget = migrations.onChange((id) => {
      if (id === this.id) this.#notice();
    });
    const context = { actor: 'migration-controller', tenant, ...(traceparent !== undefined && { traceparent }) };
    const attributes = { 'verbena.migration.id': this.id, 'verbena.vm.id': vmId };
    try {
      await withCallContext(context, () => inSpan(tracer, 'migrate VM', attributes, () => this.#live()));
    } catch {
      // The controller stops: the next one goes on from the log.
    } finally {
      forget();
      waits.delete(this.id);
      this.#work.leave?.();
      this.#work.depart?.();
    }
  }

  async #live(): Promise<void> {
    const { clock, log, migrations, stopping } = this.#ports;
    while (!migrationEnded(migrations.known(this.id))) {
      stopping.throwIfAborted();
      this.#turn = new AbortController();
      this.#notice();
      try {
        await this.#next();
      } catch (error) {
        stopping.throwIfAborted();
        if (error instanceof Overtaken || this.#turn.signal.aborted) continue;
        log.error({ err: error, migration: this.id }, 'a migration met something unexpected, and goes on in a moment');
        await clock.sleep(pauseMs, stopping);
      }
    }
  }

  async #next(): Promise<void> {
    const { migrations, stopping } = this.#ports;
    if (migrations.known(this.id).status === 'undoing') {
      await backward(migrationSaga, this.#work, this.#port(), stopping);
      await this.#commit([{ type: 'FinishUndo', data: {} }]);
      return;
    }
    const signal = AbortSignal.any([this.#turn.signal, stopping]);
    try {
      await forward(migrationSaga, this.#work, this.#port(), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof StepFailed)) throw error;
      await this.#failed(error);
    }
  }

  /** Before the hand-over the VM stays where it is. After it only the VM's end can end the migration; all else is tried again. */
  async #failed({ step, cause }: StepFailed): Promise<void> {
    const reason = `${step}: ${messageOf(cause)}`.slice(0, 1_000);
    if (this.#ports.migrations.known(this.id).status !== 'handed-over')
      return this.#commit([{ type: 'UndoMigration', data: { cause: 'failed', reason } }]);
    if (cause instanceof VmGone) {
      await unreserve(this.#work);
      return this.#commit([{ type: 'LoseMigration', data: { reason } }]);
    }
    throw cause;
  }

  #port(): SagaPort<ReturnType<Work['migration']>, MigrationRequest> {
    const { clock, tracer, waits, migrations } = this.#ports;
    return {
      state: this.#work.migration,
      commit: (commands) => this.#commit(commands),
      mayPass,
      sleep: (ms, signal) => clock.sleep(ms, signal),
      waits: (step, error) => {
        if (error === undefined) waits.delete(this.id);
        else waits.set(this.id, `waits in "${step}": ${messageOf(error)}`);
        migrations.touch(this.id);
      },
      around: (step, direction, run) =>
        inSpan(tracer, `${direction} step`, { 'verbena.migration.id': this.id, 'verbena.migration.step': step }, run),
    };
  }

  async #commit(commands: readonly MigrationRequest[]): Promise<void> {
    for (const command of commands) {
      const written = await this.#ports.migrations.execute(this.id, command);
      if (!written.ok) throw new Overtaken(written.detail);
    }
  }

  #notice(): void {
    const { status } = this.#ports.migrations.known(this.id);
    if (status === 'undoing' || status === 'cancelled') this.#turn.abort(new Error(`migration ${this.id} is taken back`));
  }
}
