/**
 * The experiments of the papers. Each is one measurement repeated over the paths in turn, round after round, so that what else happens on the
 * machine meets all paths alike; of the rounds the best counts, and all are kept.
 */
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { jobv1 } from '@verbena/contracts';
import { secondsOf, type BenchRunner } from './runner.ts';

export interface Plan {
  readonly paths: readonly string[];
  readonly rounds: number;
  readonly batchMs: number;
  readonly nasClass: string;
  readonly kernels: readonly string[];
  readonly ranks: number;
}

export const quickPlan = { rounds: 2, batchMs: 10, nasClass: 'S' } as const;
export const fullPlan = { rounds: 5, batchMs: 40, nasClass: 'W' } as const;
export const allKernels = ['EP', 'IS', 'CG', 'FT', 'MG'] as const;

/** One line of the micro-benchmarks. */
export interface Point {
  readonly figure: string;
  readonly bytes: number;
  readonly value: number;
}

export interface Counters {
  readonly messages: number;
  readonly adapter: number;
  readonly vmm: number;
  readonly driverDomain: number;
  readonly channel: number;
  readonly copiedBytes: number;
}

export interface Run {
  readonly experiment: string;
  readonly path: string;
  readonly round: number;
  readonly job: string;
  readonly points?: readonly Point[];
  readonly seconds?: number;
  readonly split?: Readonly<Record<string, number>>;
  readonly counters?: Counters;
  readonly phases?: Readonly<Record<string, number>>;
}

export interface Results {
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly node: string;
    readonly when: string;
  };
  readonly plan: Plan;
  readonly vm: { readonly imageBytes: number; readonly memoryBytes: number; readonly cold: Phases; readonly warm: Phases };
  readonly runs: readonly Run[];
  readonly skipped: readonly string[];
}
export type Phases = Readonly<Record<string, number>>;

/** Higher values are better for these; lower for all others. */
const higherIsBetter = new Set(['bandwidth', 'bidirectional', 'rate']);

export async function measure(runner: BenchRunner, plan: Plan, tell: (text: string) => void): Promise<Results> {
  const runs: Run[] = [];
  const skipped: string[] = [];
  const vm = await measureVm(runner, tell);
  const micro = await runner.image('examples/bench/micro.c', ['-O3']);
  const attempt = async (what: string, action: () => Promise<Run>): Promise<void> => {
    tell(what);
    try {
      runs.push(await action());
    } catch (error) {
      skipped.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  for (let round = 1; round <= plan.rounds; round++)
    for (const path of plan.paths)
      await attempt(`messages, ${path}, round ${round} of ${plan.rounds}`, async () => {
        const wish = { path, ranks: 2, args: [String(plan.batchMs)], policy: policyOf(path) };
        const { job, output } = await runner.run('micro', micro, wish);
        return {
          experiment: 'micro',
          path,
          round,
          job: job.id,
          points: readPoints(output),
          split: secondsOf(job),
          counters: countersOf(job),
        };
      });
  for (const path of plan.paths.filter((each) => each === 'native' || each === 'bypass'))
    await attempt(`messages without the registration cache, ${path}`, async () => {
      const env = ['VERBENA_REGISTRATION_CACHE=0'];
      const { job, output } = await runner.run('micro', micro, { path, ranks: 2, args: [String(plan.batchMs)], env });
      return { experiment: 'no-cache', path, round: 1, job: job.id, points: readPoints(output) };
    });
  for (const kernel of plan.kernels) {
    const image = await runner.image(`test/guests/nas/${kernel.toLowerCase()}.c`, ['-O3', '-lm', `-DCLASS='${plan.nasClass}'`]);
    for (let round = 1; round <= plan.rounds; round++)
      for (const path of plan.paths)
        await attempt(`NAS ${kernel} class ${plan.nasClass}, ${path}, round ${round} of ${plan.rounds}`, async () => {
          const { job, output } = await runner.run(kernel.toLowerCase(), image, { path, ranks: plan.ranks, policy: policyOf(path) });
          const seconds = Number(/on \d+ ranks: ([\d.]+) s/.exec(output)?.[1] ?? Number.NaN);
          if (!output.includes('SUCCESSFUL') || Number.isNaN(seconds)) throw new Error('it did not verify');
          return { experiment: `nas-${kernel}`, path, round, job: job.id, seconds, split: secondsOf(job), counters: countersOf(job) };
        });
  }
  return { machine: machine(), plan, vm, runs, skipped };
}

/** Inter-VM channels need both VMs on one host; the other paths are measured between hosts. */
const policyOf = (path: string): string => (path === 'ivc' ? 'pack' : 'spread');

async function measureVm(runner: BenchRunner, tell: (text: string) => void): Promise<Results['vm']> {
  tell('a VM: image, boot, memory');
  const image = await runner.image('examples/hello.c', ['-O2']);
  const first = await runner.run('hello', image, { path: 'bypass', ranks: 2 });
  const second = await runner.run('hello', image, { path: 'bypass', ranks: 2 });
  const memoryBytes = Math.max(...first.job.ranks.map(({ memoryBytesUsed }) => Number(memoryBytesUsed)));
  return { imageBytes: image.wasm.length, memoryBytes, cold: first.job.phaseSeconds, warm: second.job.phaseSeconds };
}

/** Lines "figure bytes value"; anything else is no point. */
export function readPoints(output: string): Point[] {
  return output.split('\n').flatMap((line) => {
    const [figure = '', bytes, value, ...more] = line.split(' ');
    const point = { figure, bytes: Number(bytes), value: Number(value) };
    return more.length === 0 && value !== undefined && Number.isFinite(point.bytes) && Number.isFinite(point.value) ? [point] : [];
  });
}

function countersOf(job: jobv1.Job): Counters {
  const sum = (pick: (rank: jobv1.RankPlacement) => bigint | undefined): number =>
    job.ranks.reduce((total, rank) => total + Number(pick(rank) ?? 0n), 0);
  return {
    messages: sum((rank) => rank.messagesSent),
    adapter: sum((rank) => rank.io?.adapterOperations),
    vmm: sum((rank) => rank.dataPathVmmOperations),
    driverDomain: sum((rank) => rank.io?.driverDomainOperations),
    channel: sum((rank) => rank.io?.channelMessages),
    copiedBytes: sum((rank) => rank.io?.copiedBytes),
  };
}

/** The best of all rounds, by size. */
export function bestPoints(results: Results, experiment: string, path: string, figure: string): Point[] {
  const best = new Map<number, number>();
  for (const { points = [] } of results.runs.filter((run) => run.experiment === experiment && run.path === path))
    for (const point of points.filter((each) => each.figure === figure)) {
      const before = best.get(point.bytes);
      const better = before === undefined || (higherIsBetter.has(figure) ? point.value > before : point.value < before);
      if (better) best.set(point.bytes, point.value);
    }
  return [...best].sort(([a], [b]) => a - b).map(([bytes, value]) => ({ figure, bytes, value }));
}

/** Seconds of the quickest round; undefined when none has succeeded. */
export function bestSeconds(results: Results, kernel: string, path: string): number | undefined {
  const all = results.runs.flatMap((run) => (run.experiment === `nas-${kernel}` && run.path === path ? (run.seconds ?? []) : []));
  return all.length === 0 ? undefined : Math.min(...all);
}

/** Percent of the time that nobody slept, over all rounds. The adapter's part is work of the device, and stands by itself. */
export function splitOf(results: Results, kernel: string, path: string): Record<string, number> | undefined {
  const sum: Record<string, number> = { guest: 0, adapter: 0, vmm: 0, 'driver-domain': 0 };
  for (const run of results.runs.filter((each) => each.experiment === `nas-${kernel}` && each.path === path))
    for (const name of Object.keys(sum)) sum[name] = (sum[name] ?? 0) + (run.split?.[name] ?? 0);
  const total = Object.values(sum).reduce((a, b) => a + b, 0);
  return total === 0 ? undefined : Object.fromEntries(Object.entries(sum).map(([name, value]) => [name, (100 * value) / total]));
}

export function machine(): Results['machine'] {
  const cpu = cpus()[0]?.model ?? 'unknown';
  return { cpu, cores: availableParallelism(), memoryBytes: totalmem(), node: process.version, when: new Date().toISOString() };
}
