/** One migration from its start to its end, in this life of the controller: the log says what is to be done next. */
import { migrationEnded } from '@verbena/domain-migration';
import { backward, forward, SagaRun, StepFailed, type SagaPort } from '@verbena/event-sourcing';
import { withCallContext } from '@verbena/messaging';
import { inSpan } from '@verbena/service-kit';
import type { MigrationRequest } from '../migrations.ts';
import { failureOf, sagaPort } from './saga-port.ts';
import { migrationSaga } from './saga.ts';
import { unreserve } from './steps.ts';
import { VmGone, type MigrationPorts, type Work } from './work.ts';

export class MigrationRun {
  readonly id: string;
  readonly #ports: MigrationPorts;
  readonly #work: Work;
  readonly #saga: SagaPort<ReturnType<Work['migration']>, MigrationRequest>;
  readonly #run: SagaRun;

  constructor(id: string, ports: MigrationPorts) {
    const { migrations, clock, log, stopping } = ports;
    this.id = id;
    this.#ports = ports;
    const migration = () => migrations.known(id);
    this.#work = {
      id,
      ports,
      migration,
      place: undefined,
      door: undefined,
      turnsSeen: undefined,
      epoch: undefined,
      sent: undefined,
      vm: undefined,
      settled: undefined,
      releasedAt: undefined,
      depart: undefined,
      leave: undefined,
    };
    this.#saga = sagaPort({
      ...ports,
      id,
      kind: 'migration',
      state: migration,
      execute: (command: MigrationRequest) => migrations.execute(id, command),
      touch: () => migrations.touch(id),
    });
    const port = {
      over: () => migrationEnded(migrations.known(id)),
      turned: () => (['undoing', 'cancelled'].includes(migration().status) ? `migration ${id} is taken back` : undefined),
      next: (_turn: AbortSignal, signal: AbortSignal) => this.#next(signal),
      unexpected: (err: unknown) => log.error({ err, migration: id }, 'a migration met something unexpected, and goes on in a moment'),
      sleep: clock.sleep.bind(clock),
    };
    this.#run = new SagaRun(port, stopping);
  }

  /** Resolves when the migration has ended, or the controller stops. Never rejects. */
  async run(traceparent?: string): Promise<void> {
    const { migrations, tracer, waits } = this.#ports;
    const { tenant, vmId } = migrations.known(this.id);
    const forget = migrations.onChange((id) => {
      if (id === this.id) this.#run.notice();
    });
    const context = { actor: 'migration-controller', tenant, ...(traceparent !== undefined && { traceparent }) };
    const attributes = { 'verbena.migration.id': this.id, 'verbena.vm.id': vmId };
    try {
      await withCallContext(context, () => inSpan(tracer, 'migrate VM', attributes, () => this.#run.run()));
    } catch {
      // The controller stops: the next one goes on from the log.
    } finally {
      forget();
      waits.delete(this.id);
      this.#work.leave?.();
      this.#work.depart?.();
    }
  }

  async #next(signal: AbortSignal): Promise<void> {
    const { migrations, stopping } = this.#ports;
    if (migrations.known(this.id).status === 'undoing') {
      await backward(migrationSaga, this.#work, this.#saga, stopping);
      return this.#saga.commit([{ type: 'FinishUndo', data: {} }]);
    }
    try {
      await forward(migrationSaga, this.#work, this.#saga, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof StepFailed)) throw error;
      await this.#failed(error);
    }
  }

  /** Before the hand-over the VM stays where it is. After it only the VM's end can end the migration; all else is tried again. */
  async #failed(failure: StepFailed): Promise<void> {
    const reason = failureOf(failure);
    if (this.#ports.migrations.known(this.id).status !== 'handed-over')
      return this.#saga.commit([{ type: 'UndoMigration', data: { cause: 'failed', reason } }]);
    if (failure.cause instanceof VmGone) {
      await unreserve(this.#work);
      return this.#saga.commit([{ type: 'LoseMigration', data: { reason } }]);
    }
    throw failure.cause;
  }
}
