/**
 * What drives an aggregate through its sagas in one life of a service: turn after turn does what the log says by then, until nothing is left to do. A decision that comes
 * meanwhile (a cancellation, a limit, a failure) is appended by whoever makes it; it ends the turn that is under way, and the next one follows it. A
 * service that takes over does the same, so there is no other recovery.
 */

export interface SagaRunPort {
  /** Whether the log says that nothing is left to do. */
  over(): boolean;
  /** Why what is under way must end, since the log has decided otherwise; undefined when it may go on. */
  turned(): string | undefined;
  /**
   * Does what the log says is next.
   * @param turn aborts when the log decides otherwise
   * @param signal aborts then, and when the service stops
   */
  next(turn: AbortSignal, signal: AbortSignal): Promise<void>;
  /** Told of a failure that neither explains; the next turn comes after a pause. */
  unexpected(error: unknown): void;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The log says something by now that forbids what was to be written. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

/** @throws {Overtaken} when the log has refused it */
export function assertWritten(result: { readonly ok: true } | { readonly ok: false; readonly detail: string }): void {
  if (!result.ok) throw new Overtaken(result.detail);
}

/** After a failure that nothing explains, in milliseconds. */
const pauseMs = 500;

export class SagaRun {
  readonly #port: SagaRunPort;
  readonly #stopping: AbortSignal;
  #turn = new AbortController();

  /** @param stopping aborts when the service stops */
  constructor(port: SagaRunPort, stopping: AbortSignal) {
    this.#port = port;
    this.#stopping = stopping;
  }

  /** To be called when the log says something new. */
  notice(): void {
    const reason = this.#port.turned();
    if (reason !== undefined) this.#turn.abort(new Error(reason));
  }

  /** Resolves when nothing is left to do. @throws the reason of `stopping` */
  async run(): Promise<void> {
    while (!this.#port.over()) {
      this.#stopping.throwIfAborted();
      this.#turn = new AbortController();
      this.notice();
      const turn = this.#turn.signal;
      try {
        await this.#port.next(turn, AbortSignal.any([turn, this.#stopping]));
      } catch (error) {
        this.#stopping.throwIfAborted();
        if (error instanceof Overtaken || turn.aborted) continue;
        this.#port.unexpected(error);
        await this.#port.sleep(pauseMs, this.#stopping);
      }
    }
  }
}
