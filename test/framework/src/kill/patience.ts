import { setTimeout as delay } from 'node:timers/promises';

export const patienceMs = 120_000;

/** Repeats what a killed process may have cut off. @throws Error with the last failure as its cause */
export async function persistently<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end)
        throw new Error(`it did not come true in ${String(patienceMs)} ms: ${what} (${String(error)})`, { cause: error });
      await delay(50);
    }
  }
}
