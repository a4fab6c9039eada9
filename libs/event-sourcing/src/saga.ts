/**
 * Sagas: work that goes over several services, as a table of steps that can each be done, and done again, and undone.
 *
 *   forward:   the first step that the log does not show as done --do--> append what it says --> the next one ... --> all done
 *   backward:  the last step --undo--> the one before ... --> nothing is left
 *
 * The engine keeps nothing: how far a saga has come is what the events of its aggregate say, so it goes on after a crash wherever it was. Between
 * an effect and its event there is always a moment at which a crash forgets that it happened; so a step carries a key under which those who carry
 * it out recognise a repetition. A step that leaves no event is repeated whenever the saga goes on.
 */

export interface SagaStep<S, W, C> {
  readonly name: string;
  /** Whether the log shows that it is done, or that it is not needed. */
  readonly done: (state: S) => boolean;
  /** Under which its effect is known to those who carry it out: the same at every repetition. */
  readonly key: (state: S) => string;
  /** Does it, and returns what the log shall say of it. Stops when the signal aborts. */
  readonly do: (work: W, signal: AbortSignal) => Promise<readonly C[]>;
  /** Takes back what was done, also when only a part of it was, or nothing; absent when it leaves nothing behind. */
  readonly undo?: (work: W, signal: AbortSignal) => Promise<void>;
  /** What the step says is appended together with what the next one says: it costs nothing to do again. */
  readonly lazy?: (state: S) => boolean;
  /** For one try of `do` or `undo`, in milliseconds; none when absent. */
  readonly timeLimitMs?: number;
  /** How often it is tried while its failures may pass; for ever when absent. */
  readonly tries?: number;
}

export type SagaTable<S, W, C> = readonly SagaStep<S, W, C>[];

export interface SagaPort<S, C> {
  /** What the log says now. */
  state(): S;
  /** Appends; durable when it resolves, rejects when the log says something by now that forbids it. */
  commit(commands: readonly C[]): Promise<void>;
  /** Whether the step may succeed when it is tried again. */
  mayPass(error: unknown): boolean;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Told of each failure before the next try, and with undefined when a step that had failed has succeeded. */
  waits?(step: string, error: unknown): void;
  /** Wraps each step, for instance into a span. */
  around?<T>(step: string, direction: SagaDirection, run: () => Promise<T>): Promise<T>;
}

export type SagaDirection = 'do' | 'undo';

/** A step has failed for good. `cause` says why. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly step: string;
  readonly direction: SagaDirection;

  constructor(step: string, direction: SagaDirection, cause: unknown) {
    super(`the step "${step}" could not be ${direction === 'do' ? 'done' : 'undone'}`, { cause });
    this.step = step;
    this.direction = direction;
  }
}

const firstPauseMs = 50;
const longestPauseMs = 5_000;

/**
 * Does what is not done yet.
 * @throws {StepFailed} when a step fails for good; nothing is undone then, since that may need a decision in the log first
 * @throws the signal's reason when it aborts, and what `commit` rejects with
 */
export async function forward<S, W, C>(table: SagaTable<S, W, C>, work: W, port: SagaPort<S, C>, signal: AbortSignal): Promise<void> {
  let pending: readonly C[] = [];
  for (const step of table) {
    signal.throwIfAborted();
    if (step.done(port.state())) continue;
    const said = await persist(step, 'do', port, signal, (limit) => step.do(work, limit));
    pending = [...pending, ...said];
    if (pending.length === 0 || step.lazy?.(port.state()) === true) continue;
    await port.commit(pending);
    pending = [];
  }
  if (pending.length > 0) await port.commit(pending);
}

/** Undoes every step, the last first: whether it was done or only begun, the log cannot know. @throws {StepFailed}, the signal's reason */
export async function backward<S, W, C>(table: SagaTable<S, W, C>, work: W, port: SagaPort<S, C>, signal: AbortSignal): Promise<void> {
  for (const step of table.toReversed()) {
    signal.throwIfAborted();
    if (step.undo !== undefined) await persist(step, 'undo', port, signal, async (limit) => step.undo?.(work, limit));
  }
}

/** Tries until it succeeds, or fails for good. */
async function persist<S, W, C, T>(
  step: SagaStep<S, W, C>,
  direction: SagaDirection,
  port: SagaPort<S, C>,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const wrap = port.around?.bind(port) ?? (<R>(_step: string, _direction: SagaDirection, inner: () => Promise<R>): Promise<R> => inner());
  return wrap(step.name, direction, async () => {
    for (let tries = 1, pause = firstPauseMs; ; tries++, pause = Math.min(2 * pause, longestPauseMs)) {
      try {
        const result = await inTime(step, port, signal, run);
        if (tries > 1) port.waits?.(step.name, undefined);
        return result;
      } catch (error) {
        signal.throwIfAborted();
        if (tries === step.tries || !(error instanceof TimeLimit || port.mayPass(error))) throw new StepFailed(step.name, direction, error);
        port.waits?.(step.name, error);
        await port.sleep(pause, signal);
      }
    }
  });
}

/** One try took longer than its limit. */
class TimeLimit extends Error {}

/** Whoever is asked and does not hear the signal is not waited for. */
async function inTime<S, W, C, T>(
  { name, timeLimitMs }: SagaStep<S, W, C>,
  port: SagaPort<S, C>,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const either = AbortSignal.any([signal, own.signal]);
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(either.reason);
  aborted.promise.catch(() => undefined);
  either.addEventListener('abort', abort, { once: true });
  if (either.aborted) abort();
  if (timeLimitMs !== undefined)
    port.sleep(timeLimitMs, either).then(
      () => own.abort(new TimeLimit(`the step "${name}" took longer than ${timeLimitMs} ms`)),
      () => undefined,
    );
  try {
    return await Promise.race([run(either), aborted.promise]);
  } finally {
    either.removeEventListener('abort', abort);
    own.abort(new Error('the step is over'));
  }
}
