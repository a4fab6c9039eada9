import type { Clock } from '../clock.ts';

export interface ManualClock extends Clock {
  /** Moves time on, waking sleepers in the order of their time, and lets what they do run before the next wakes. */
  advance(ms: number): Promise<void>;
  /** How many sleep at the moment. */
  readonly sleepers: number;
  /** Resolves when at least so many sleep, so that a test advances only when its subject waits. */
  untilSleeping(count?: number): Promise<void>;
}

/** A clock that stands still until a test moves it. */
export function manualClock(start = new Date(Date.UTC(2000, 0, 1))): ManualClock {
  let elapsed = 0;
  const sleeping = new Set<{ readonly until: number; wake(): void }>();

  const clock: ManualClock = {
    now: () => new Date(start.getTime() + elapsed),
    monotonic: () => elapsed,
    sleep(ms, signal) {
      if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const sleeper = { until: elapsed + ms, wake: resolve };
      const aborted = (): void => reject(signal?.reason);
      sleeping.add(sleeper);
      signal?.addEventListener('abort', aborted, { once: true });
      return promise.finally(() => {
        sleeping.delete(sleeper);
        signal?.removeEventListener('abort', aborted);
      });
    },
    async advance(ms) {
      const target = elapsed + ms;
      for (;;) {
        const [next] = [...sleeping].filter(({ until }) => until <= target).sort((a, b) => a.until - b.until);
        if (next === undefined) break;
        elapsed = Math.max(elapsed, next.until);
        sleeping.delete(next);
        next.wake();
        await settled();
      }
      elapsed = target;
      await settled();
    },
    get sleepers() {
      return sleeping.size;
    },
    async untilSleeping(count = 1) {
      while (sleeping.size < count) await settled();
    },
  };
  return clock;
}

/** Lets promises that are ready run, and their successors. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
