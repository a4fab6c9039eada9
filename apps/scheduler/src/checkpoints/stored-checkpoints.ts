/** The checkpoints that jobs can go on from, followed in the log: those of which every part is stored. */
import {
  evolveCheckpoint,
  noCheckpoint,
  type CheckpointEvent,
  type CheckpointState,
  type StoredCheckpoint,
} from '@verbena/domain-checkpoint';
import type { KnownJob } from '@verbena/domain-job';
import { runProjection, type EventStore, type ProjectionRunner } from '@verbena/event-sourcing';

export class StoredCheckpoints {
  readonly #store: EventStore;
  readonly #runner: ProjectionRunner<Map<string, CheckpointState>>;

  private constructor(store: EventStore, runner: ProjectionRunner<Map<string, CheckpointState>>) {
    this.#store = store;
    this.#runner = runner;
  }

  static async open(store: EventStore): Promise<StoredCheckpoints> {
    const runner = await runProjection(store, {
      name: 'stored-checkpoints',
      initial: new Map<string, CheckpointState>(),
      filter: { stream: 'ckpt-*' },
      evolve: (all, { stream, event }) => {
        const state = evolveCheckpoint(all.get(stream) ?? noCheckpoint, event as CheckpointEvent);
        // What has come to nothing is of no use to a job that starts.
        if (state.status === 'failed' || state.status === 'cancelled' || state.status === 'removed') all.delete(stream);
        else all.set(stream, state);
        return all;
      },
    });
    return new StoredCheckpoints(store, runner);
  }

  stop(): Promise<void> {
    return this.#runner.stop();
  }

  /** Undefined for one that is not whole, or not any more. Knows everything that is in the log by now. */
  async find(id: string): Promise<StoredCheckpoint | undefined> {
    await this.#caughtUp();
    const state = this.#runner.state.get(id);
    return state?.status === 'stored' ? state : undefined;
  }

  /** From where the next attempt of a job goes on: its own last checkpoint, or the one that it was submitted with; empty when it begins. */
  async startOf({ jobId, spec, starts }: KnownJob): Promise<string> {
    const { restartFrom = '' } = spec;
    if (starts === 0) return restartFrom;
    await this.#caughtUp();
    const own = [...this.#runner.state].filter(([, state]) => state.status === 'stored' && state.jobId === jobId);
    return own.at(-1)?.[0] ?? restartFrom;
  }

  async #caughtUp(): Promise<void> {
    await this.#runner.reached(await this.#store.head());
  }
}
