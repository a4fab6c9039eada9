/** Whether something grows while a VM moves again and again. */

export interface Sample {
  /** So far. */
  readonly moves: number;
  /** Median of those since the last sample, in milliseconds. */
  readonly moveMs: number;
  readonly processes: Readonly<Record<string, { readonly mib: number; readonly threads: number; readonly files: number }>>;
}

/** A heap that is collected now and then goes up and down by as much. */
const memorySlackMib = 48;
const memoryFactor = 1.15;
/** Threads wait in a pool, and sockets close a moment later. */
const countSlack = 6;
const timeFactor = 1.5;

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/**
 * Compares the last quarter with the second: in the first, everything becomes warm.
 * @param samples at least four, evenly spaced
 * @returns what has grown, in words; empty when nothing has
 */
export function verdict(samples: readonly Sample[]): string[] {
  const quarter = Math.floor(samples.length / 4);
  const [early, late] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
  const median = (of: (sample: Sample) => number, among: readonly Sample[]): number => medianOf(among.map(of));
  const found: string[] = [];
  const compare = (what: string, of: (sample: Sample) => number, most: (before: number) => number): void => {
    const [before, after] = [median(of, early), median(of, late)];
    if (after > most(before)) found.push(`${what}: ${before.toFixed(0)} became ${after.toFixed(0)}`);
  };
  compare(
    'milliseconds of a move',
    ({ moveMs }) => moveMs,
    (before) => before * timeFactor,
  );
  for (const name of Object.keys(samples[0]?.processes ?? {})) {
    const held = (kind: 'mib' | 'threads' | 'files') => (sample: Sample) => sample.processes[name]?.[kind] ?? Number.NaN;
    compare(`MiB of ${name}`, held('mib'), (before) => Math.max(before * memoryFactor, before + memorySlackMib));
    compare(`threads of ${name}`, held('threads'), (before) => before + countSlack);
    compare(`open files of ${name}`, held('files'), (before) => before + countSlack);
  }
  return found;
}
