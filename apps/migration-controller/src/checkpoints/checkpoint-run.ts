/** One checkpoint until nothing is left to do for it, in this life of the controller: the log says what that is. */
import { isLiveCheckpoint } from '@verbena/domain-checkpoint';
import { backward, forward, StepFailed, type SagaPort } from '@verbena/event-sourcing';
import { withCallContext } from '@verbena/messaging';
import { inSpan } from '@verbena/service-kit';
import { mayPass, messageOf } from '../run/work.ts';
import type { CheckpointRequest } from './checkpoints.ts';
import { checkpointSaga } from './saga.ts';
import { letGoInStorage } from './steps.ts';
import type { CheckpointPorts, Work } from './work.ts';

const pauseMs = 500;

/** The log says something by now that forbids what was to be written. */
class Overtaken extends Error {}

export class CheckpointRun {
  readonly id: string;
  readonly #ports: CheckpointPorts;
  readonly #work: Work;
  /** Aborts when the checkpoint is to be undone. */
  #turn = new AbortController();

  constructor(id: string, ports: CheckpointPorts) {
    this.id = id;
    this.#ports = ports;
    this.#work = { id, ports, checkpoint: () => ports.checkpoints.known(id), leave: undefined };
  }

  /** Resolves when nothing is left to do, or the controller stops. Never rejects. */
  async run(): Promise<void> {
    const { checkpoints, tracer, waits } = this.#ports;
    const { tenant, jobId } = checkpoints.known(this.id);
    const forget = checkpoints.onChange((id) => {
      if (id === this.id) this.#notice();
    });
    const attributes = { 'verbena.checkpoint.id': this.id, 'verbena.job.id': jobId };
    try {
      await withCallContext({ actor: 'migration-controller', tenant }, () =>
        inSpan(tracer, 'checkpoint job', attributes, () => this.#live()),
      );
    } catch {
      // The controller stops: the next one goes on from the log.
    } finally {
      forget();
      waits.delete(this.id);
      this.#work.leave?.();
    }
  }

  async #live(): Promise<void> {
    const { clock, log, checkpoints, stopping } = this.#ports;
    while (isLiveCheckpoint(checkpoints.known(this.id))) {
      stopping.throwIfAborted();
      this.#turn = new AbortController();
      this.#notice();
      try {
        await this.#next();
      } catch (error) {
        stopping.throwIfAborted();
        if (error instanceof Overtaken || this.#turn.signal.aborted) continue;
        log.error({ err: error, checkpoint: this.id }, 'a checkpoint met something unexpected, and goes on in a moment');
        await clock.sleep(pauseMs, stopping);
      }
    }
  }

  async #next(): Promise<void> {
    const { checkpoints, stopping } = this.#ports;
    const { status } = checkpoints.known(this.id);
    if (status === 'removing') {
      await letGoInStorage(this.#work);
      await this.#commit([{ type: 'FinishRemoval', data: {} }]);
      return;
    }
    if (status === 'undoing') {
      await backward(checkpointSaga, this.#work, this.#port(), stopping);
      this.#work.leave?.();
      await this.#commit([{ type: 'FinishUndo', data: {} }]);
      return;
    }
    const signal = AbortSignal.any([this.#turn.signal, stopping]);
    try {
      await forward(checkpointSaga, this.#work, this.#port(), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof StepFailed)) throw error;
      const reason = `${error.step}: ${messageOf(error.cause)}`.slice(0, 1_000);
      await this.#commit([{ type: 'UndoCheckpoint', data: { cause: 'failed', reason } }]);
    }
  }

  #port(): SagaPort<ReturnType<Work['checkpoint']>, CheckpointRequest> {
    const { clock, tracer, waits, checkpoints } = this.#ports;
    return {
      state: this.#work.checkpoint,
      commit: (commands) => this.#commit(commands),
      mayPass,
      sleep: (ms, signal) => clock.sleep(ms, signal),
      waits: (step, error) => {
        if (error === undefined) waits.delete(this.id);
        else waits.set(this.id, `waits in "${step}": ${messageOf(error)}`);
        checkpoints.touch(this.id);
      },
      around: (step, direction, run) =>
        inSpan(tracer, `${direction} step`, { 'verbena.checkpoint.id': this.id, 'verbena.checkpoint.step': step }, run),
    };
  }

  async #commit(commands: readonly CheckpointRequest[]): Promise<void> {
    for (const command of commands) {
      const written = await this.#ports.checkpoints.execute(this.id, command);
      if (!written.ok) throw new Overtaken(written.detail);
    }
  }

  #notice(): void {
    if (this.#ports.checkpoints.known(this.id).status === 'undoing') this.#turn.abort(new Error(`checkpoint ${this.id} is taken back`));
  }
}
