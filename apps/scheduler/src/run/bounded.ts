import type { RunPorts } from './ports.ts';

/** Waits for the work, whatever its outcome, but no longer than this. @throws when the scheduler stops */
export async function bounded(
  { clock, stopping }: Pick<RunPorts, 'clock' | 'stopping'>,
  ms: number,
  work: Promise<unknown>,
): Promise<void> {
  const enough = new AbortController();
  const late = clock.sleep(ms, AbortSignal.any([enough.signal, stopping])).catch(() => undefined);
  await Promise.race([work.catch(() => undefined), late]);
  enough.abort();
  stopping.throwIfAborted();
}
