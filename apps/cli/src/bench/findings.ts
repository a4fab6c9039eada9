/** What one can say of a benchmark at a glance, each with its figures. */
import { short } from './charts.ts';
import type { Results } from './experiments.ts';
import { bestGflops, bestPoints, ratioToNative, splitOf } from './results.ts';

type At = (path: string, name: string, bytes: number, experiment?: string) => number | undefined;

export function findings(results: Results): string[] {
  const at: At = (path, name, bytes, experiment = 'micro') =>
    bestPoints(results, experiment, path, name).find((point) => point.bytes === bytes)?.value;
  return [
    ...busy(results),
    ...latency(at),
    ...['bypass', 'split', 'ethernet'].flatMap((path) => kernels(results, path)),
    ...guestTime(results),
    ...registration(at),
    ...linpack(results),
  ];
}

/** Programs that wait for a core measure the others, not the paths. */
function busy({ loadBefore, machine }: Results): string[] {
  if (loadBefore <= machine.cores / 2) return [];
  return [
    `The machine was busy with other things (a load of ${loadBefore.toFixed(1)} on ${machine.cores} cores): these figures say little.`,
  ];
}

function latency(at: At): string[] {
  const [native, bypass, split] = ['native', 'bypass', 'split'].map((path) => at(path, 'latency', 8));
  const said: string[] = [];
  if (native !== undefined && bypass !== undefined)
    said.push(`8 bytes take ${short(bypass)} us by bypass and ${short(native)} us natively: a ratio of ${short(bypass / native)}.`);
  if (bypass !== undefined && split !== undefined)
    said.push(`Through a driver domain they take ${short(split)} us, ${short(split / bypass)} times as long as by bypass.`);
  return said;
}

function kernels(results: Results, path: string): string[] {
  const ratios = results.plan.kernels
    .flatMap((kernel) => {
      const ratio = ratioToNative(results, `nas-${kernel}`, path);
      return ratio === undefined ? [] : [{ kernel, ratio }];
    })
    .sort((a, b) => b.ratio - a.ratio);
  if (ratios.length === 0) return [];
  return [`NAS by the path ${path}, as ratios to native: ${ratios.map(({ kernel, ratio }) => `${kernel} ${short(ratio)}`).join(', ')}.`];
}

/** Table 2's figure: of the time that was no device's, how much was the guests'. */
function guestTime(results: Results): string[] {
  const shares = results.plan.kernels
    .flatMap((kernel) => {
      const own = splitOf(results, kernel, 'bypass');
      return own === undefined ? [] : [{ kernel, share: (100 * (own['guest'] ?? 0)) / Math.max(1e-9, 100 - (own['adapter'] ?? 0)) }];
    })
    .sort((a, b) => a.share - b.share);
  const [least] = shares;
  if (least === undefined) return [];
  return [
    `By bypass at least ${least.share.toFixed(1)}% of the processor time of every NAS kernel was the guests' (${least.kernel} had the least; the adapter's work left out); the paper has 94.5% to 99.6%.`,
  ];
}

function registration(at: At): string[] {
  const said: string[] = [];
  const [native, ...others] = ['native', 'bypass', 'split', 'ethernet'].map((path) => ({ path, us: at(path, 'register', 65_536) }));
  const dearer = others.flatMap(({ path, us }) => (us === undefined ? [] : [`${short(us)} us by ${path}`]));
  if (native?.us !== undefined && dearer.length > 0)
    said.push(`Registering 64 KiB takes ${short(native.us)} us natively, ${dearer.join(', ')}.`);
  for (const path of ['bypass', 'split']) {
    const [cached, uncached] = [at(path, 'latency', 65_536), at(path, 'latency', 65_536, 'no-cache')];
    if (cached !== undefined && uncached !== undefined)
      said.push(
        `The registration cache hides it: a message of 64 KiB by ${path} takes ${short(cached)} us with it, ${short(uncached)} without.`,
      );
  }
  return said;
}

function linpack(results: Results): string[] {
  const ratios = results.plan.hplRanks.flatMap((ranks) => {
    const [native, bypass] = ['native', 'bypass'].map((path) => bestGflops(results, `hpl-${ranks}`, path));
    return native === undefined || bypass === undefined || native === 0 ? [] : [`${short(bypass / native)} on ${ranks} ranks`];
  });
  return ratios.length === 0 ? [] : [`Linpack by bypass has these parts of the native GFLOP/s: ${ratios.join(', ')}.`];
}
