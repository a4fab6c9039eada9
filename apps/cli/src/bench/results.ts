/** What the runs of a benchmark say together: the best of all rounds, ratios to native, whose time it was. */
import type { Point, Results, Run } from './experiments.ts';

/** Higher values are better for these; lower for all others. */
const higherIsBetter = new Set(['bandwidth', 'bidirectional', 'rate']);

function runsOf(results: Results, experiment: string, path: string): Run[] {
  return results.runs.filter((run) => run.experiment === experiment && run.path === path);
}

/** The best of all rounds, by size. */
export function bestPoints(results: Results, experiment: string, path: string, figure: string): Point[] {
  const best = new Map<number, number>();
  for (const { points = [] } of runsOf(results, experiment, path))
    for (const point of points.filter((each) => each.figure === figure)) {
      const before = best.get(point.bytes);
      const better = before === undefined || (higherIsBetter.has(figure) ? point.value > before : point.value < before);
      if (better) best.set(point.bytes, point.value);
    }
  return [...best].sort(([a], [b]) => a - b).map(([bytes, value]) => ({ figure, bytes, value }));
}

/** Seconds of the quickest round; undefined when none has succeeded. */
export function bestSeconds(results: Results, experiment: string, path: string): number | undefined {
  const all = runsOf(results, experiment, path).flatMap(({ seconds }) => seconds ?? []);
  return all.length === 0 ? undefined : Math.min(...all);
}

/** GFLOP/s of the best round; undefined when none has succeeded. */
export function bestGflops(results: Results, experiment: string, path: string): number | undefined {
  const all = runsOf(results, experiment, path).flatMap(({ gflops }) => gflops ?? []);
  return all.length === 0 ? undefined : Math.max(...all);
}

/** As a ratio to the native path: below 1 is quicker. */
export function ratioToNative(results: Results, experiment: string, path: string): number | undefined {
  const [own, native] = [bestSeconds(results, experiment, path), bestSeconds(results, experiment, 'native')];
  return own === undefined || native === undefined || native === 0 ? undefined : own / native;
}

/** Whether an experiment was tried on a path and never succeeded. */
export function failedOn(results: Results, experiment: string, path: string): boolean {
  const runs = runsOf(results, experiment, path);
  return runs.length > 0 && runs.every(({ failed }) => failed !== undefined);
}

/** Percent of the time that nobody slept, over all rounds. The adapter's part is work of the device, and stands by itself. */
export function splitOf(results: Results, kernel: string, path: string): Record<string, number> | undefined {
  const sum: Record<string, number> = { guest: 0, adapter: 0, vmm: 0, 'driver-domain': 0 };
  for (const run of runsOf(results, `nas-${kernel}`, path))
    for (const name of Object.keys(sum)) sum[name] = (sum[name] ?? 0) + (run.split?.[name] ?? 0);
  const total = Object.values(sum).reduce((a, b) => a + b, 0);
  return total === 0 ? undefined : Object.fromEntries(Object.entries(sum).map(([name, value]) => [name, (100 * value) / total]));
}
