/** Processes start in any order: each waits for what it needs, says so, and tries again ever more seldom. */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Readiness } from './readiness.ts';

export interface WaitOptions {
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly clock: Clock;
  readonly readiness: Readiness;
  readonly signal: AbortSignal;
}

const firstMs = 100;
const longestMs = 5_000;

/**
 * Repeats an attempt until it succeeds; the reason of the last failure is a reason for not being ready.
 * @throws the signal's reason when it aborts
 */
export async function waitFor<T>(what: string, attempt: () => Promise<T>, options: WaitOptions): Promise<T> {
  const { log, clock, readiness, signal } = options;
  const began = clock.monotonic();
  let said: string | undefined;
  for (let wait = firstMs; ; wait = Math.min(wait * 2, longestMs)) {
    signal.throwIfAborted();
    try {
      const result = await attempt();
      readiness.waiting(what, '');
      if (said !== undefined) log.info({ waitedMs: Math.round(clock.monotonic() - began) }, `${what} is there`);
      return result;
    } catch (error) {
      signal.throwIfAborted();
      const reason = reasonOf(error);
      readiness.waiting(what, reason);
      // Once for each reason, and again from time to time for whoever looks at the log late.
      if (reason !== said || wait >= longestMs) log.warn({ what }, `waiting for ${what}: ${reason}`);
      said = reason;
      await clock.sleep(wait, signal);
    }
  }
}

/** In one line, with the innermost cause, which is what the system said. */
export function reasonOf(error: unknown): string {
  const words: string[] = [];
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const text = cause.message || ((cause as NodeJS.ErrnoException).code ?? cause.name);
    if (!words.some((word) => word.includes(text))) words.push(text);
  }
  return words.join(': ') || String(error);
}
