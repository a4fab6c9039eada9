/** An ordered stop: the last that was started stops first, each within its time, and one that fails keeps none of the others up. */
import type { Logger } from 'pino';

export interface Shutdown {
  /** Registers what must be stopped, before everything that was registered earlier. */
  add(name: string, stop: () => Promise<void> | void, timeoutMs?: number): void;
  /** Stops everything once; repeated calls wait for the same stop. Resolves to the names of what failed or took too long. */
  run(): Promise<readonly string[]>;
}

export function createShutdown(log: Pick<Logger, 'error' | 'debug'>): Shutdown {
  const steps: { name: string; stop: () => Promise<void> | void; timeoutMs: number }[] = [];
  let running: Promise<readonly string[]> | undefined;

  async function runAll(): Promise<readonly string[]> {
    const failed: string[] = [];
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      const { name, stop, timeoutMs } = step;
      try {
        await inTime(timeoutMs, async () => stop());
        log.debug({ step: name }, 'stopped');
      } catch (err) {
        failed.push(name);
        log.error({ err, step: name }, `${name} did not stop in order`);
      }
    }
    return failed;
  }

  return {
    add: (name, stop, timeoutMs = 10_000) => void steps.push({ name, stop, timeoutMs }),
    run: () => (running ??= runAll()),
  };
}

async function inTime(ms: number, run: () => Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`it took longer than ${ms} ms`)), ms);
  try {
    await Promise.race([run(), promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Calls `stop` on SIGTERM and SIGINT. A second signal ends the process at once, for whoever does not want to wait.
 * @returns a function that restores the signals' default actions.
 */
export function onStopSignals(stop: (signal: NodeJS.Signals) => void): () => void {
  const signals: NodeJS.Signals[] = ['SIGTERM', 'SIGINT'];
  let asked = false;
  const handler = (signal: NodeJS.Signals): void => {
    if (asked) process.exit(signal === 'SIGINT' ? 130 : 143);
    asked = true;
    stop(signal);
  };
  for (const signal of signals) process.on(signal, handler);
  return () => {
    for (const signal of signals) process.off(signal, handler);
  };
}
