/** Calls to other services that must get through: repeated while the other side cannot be reached, with backoff, within a bound. */
import { Code, ConnectError } from '@connectrpc/connect';
import type { Clock } from '@verbena/service-kit';

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Gives up this many milliseconds after the first try. */
  readonly withinMs: number;
  /** Called before each wait, so that the log shows what does not get through. */
  readonly onRetry?: (error: ConnectError, attempt: number) => void;
  /** Which errors are worth another try; those that `mayPass` when absent. */
  readonly worthwhile?: (error: unknown) => boolean;
}

const firstDelayMs = 20;
const longestDelayMs = 2_000;
const passing: ReadonlySet<Code> = new Set([Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted]);

const final: ReadonlySet<Code> = new Set([Code.InvalidArgument, Code.NotFound, Code.PermissionDenied, Code.Unauthenticated]);

/** True for everything but a clear no: what was told is not lost because the other side failed in a way that nobody foresaw. */
export function unlessRefused(error: unknown): boolean {
  return !final.has(ConnectError.from(error).code);
}

/** True for errors that may be gone on the next try: the callee is away, slow or full. */
export function mayPass(error: unknown): boolean {
  return passing.has(ConnectError.from(error).code);
}

/**
 * Repeats `call` while it fails in a way that may pass.
 * @throws the last error when it cannot pass, when time is up, or when the signal aborts
 */
export async function persistently<T>(options: RetryOptions, call: () => Promise<T>): Promise<T> {
  const { clock, signal, withinMs, onRetry, worthwhile = mayPass } = options;
  const end = clock.monotonic() + withinMs;
  let delay = firstDelayMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || !worthwhile(error) || clock.monotonic() + delay > end) throw error;
      onRetry?.(ConnectError.from(error), attempt);
      await clock.sleep(delay, signal);
      delay = Math.min(delay * 2, longestDelayMs);
    }
  }
}
