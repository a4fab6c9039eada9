/** One checkpoint until nothing is left to do for it, in this life of the controller: the log says what that is. */
import { isLiveCheckpoint } from '@verbena/domain-checkpoint';
import { backward, forward, SagaRun, StepFailed, type SagaPort } from '@verbena/event-sourcing';
import { withCallContext } from '@verbena/messaging';
import { inSpan } from '@verbena/service-kit';
import { failureOf, sagaPort } from '../run/saga-port.ts';
import type { CheckpointRequest } from './checkpoints.ts';
import { checkpointSaga } from './saga.ts';
import { letGoInStorage } from './steps.ts';
import type { CheckpointPorts, Work } from './work.ts';

export class CheckpointRun {
  readonly id: string;
  readonly #ports: CheckpointPorts;
  readonly #work: Work;
  readonly #saga: SagaPort<ReturnType<Work['checkpoint']>, CheckpointRequest>;
  readonly #run: SagaRun;

  constructor(id: string, ports: CheckpointPorts) {
    const { checkpoints, clock, log, stopping } = ports;
    this.id = id;
    this.#ports = ports;
    this.#work = { id, ports, checkpoint: () => checkpoints.known(id), leave: undefined };
    this.#saga = sagaPort({
      ...ports,
      id,
      kind: 'checkpoint',
      state: this.#work.checkpoint,
      execute: (command: CheckpointRequest) => checkpoints.execute(id, command),
      touch: () => checkpoints.touch(id),
    });
    const port = {
      over: () => !isLiveCheckpoint(checkpoints.known(id)),
      turned: () => (checkpoints.known(id).status === 'undoing' ? `checkpoint ${id} is taken back` : undefined),
      next: (_turn: AbortSignal, signal: AbortSignal) => this.#next(signal),
      unexpected: (err: unknown) => log.error({ err, checkpoint: id }, 'a checkpoint met something unexpected, and goes on in a moment'),
      sleep: clock.sleep.bind(clock),
    };
    this.#run = new SagaRun(port, stopping);
  }

  /** Resolves when nothing is left to do, or the controller stops. Never rejects. */
  async run(): Promise<void> {
    const { checkpoints, tracer, waits } = this.#ports;
    const { tenant, jobId } = checkpoints.known(this.id);
    const forget = checkpoints.onChange((id) => {
      if (id === this.id) this.#run.notice();
    });
    const attributes = { 'verbena.checkpoint.id': this.id, 'verbena.job.id': jobId };
    try {
      await withCallContext({ actor: 'migration-controller', tenant }, () =>
        inSpan(tracer, 'checkpoint job', attributes, () => this.#run.run()),
      );
    } catch {
      // The controller stops: the next one goes on from the log.
    } finally {
      forget();
      waits.delete(this.id);
      this.#work.leave?.();
    }
  }

  async #next(signal: AbortSignal): Promise<void> {
    const { checkpoints, stopping } = this.#ports;
    const { status } = checkpoints.known(this.id);
    if (status === 'removing') {
      await letGoInStorage(this.#work);
      return this.#saga.commit([{ type: 'FinishRemoval', data: {} }]);
    }
    if (status === 'undoing') {
      await backward(checkpointSaga, this.#work, this.#saga, stopping);
      this.#work.leave?.();
      return this.#saga.commit([{ type: 'FinishUndo', data: {} }]);
    }
    try {
      await forward(checkpointSaga, this.#work, this.#saga, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof StepFailed)) throw error;
      await this.#saga.commit([{ type: 'UndoCheckpoint', data: { cause: 'failed', reason: failureOf(error) } }]);
    }
  }
}
