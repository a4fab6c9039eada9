/** Runs the experiments: what an earlier time has measured is kept, and nothing begins after the time that is given. */
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import type { jobv1 } from '@verbena/contracts';
import { cellsOf, type Cell, type Counters, type Plan, type Results, type Run } from './experiments.ts';
import { secondsOf, type BenchJob, type BenchRunner } from './runner.ts';

export type Runner = Pick<BenchRunner, 'image' | 'run'>;

export interface Measuring {
  readonly runner: Runner;
  readonly plan: Plan;
  /** What an earlier time has measured by the same plan: its runs that succeeded are not made again. */
  readonly before?: Results | undefined;
  readonly tell: (text: string) => void;
  /** Called after each run with all there is, so that an interruption loses one run. */
  readonly keep: (results: Results) => Promise<void>;
  readonly signal: AbortSignal;
  /** In milliseconds, from any beginning. */
  readonly now: () => number;
}

/**
 * Runs the cells that have no result yet, until the plan's minutes have passed. What fails is in the results as failed, and the rest goes on.
 * @throws what the signal was aborted with; what was measured until then has been kept
 */
export async function measure({ runner, plan, before, tell, keep, signal, now }: Measuring): Promise<Results> {
  const end = now() + plan.minutes * 60_000;
  const [load = 0] = loadavg();
  const loadBefore = Math.max(load, before?.loadBefore ?? 0);
  const runs = (before?.runs ?? []).filter(({ failed }) => failed === undefined);
  const missing = missingCells(plan, runs);
  tell('a VM: image, boot, memory');
  const vm = before?.vm ?? (await measureVm(runner).catch(() => undefined));
  const all = (): Results => ({ machine: before?.machine ?? machine(), loadBefore, plan, vm, runs });
  for (const [i, cell] of missing.entries()) {
    signal.throwIfAborted();
    if (now() >= end) break;
    tell(`${i + 1} of ${missing.length}: ${cell.what}, ${cell.path}, round ${cell.round} of ${plan.rounds}`);
    const run = await runCell(runner, cell, plan.cellSeconds);
    signal.throwIfAborted();
    runs.push(run);
    await keep(all());
  }
  return all();
}

/** The cells of the plan of which there is no run, or one that failed before. */
export function missingCells(plan: Plan, runs: readonly Run[]): Cell[] {
  const key = ({ experiment, path, round }: Pick<Run, 'experiment' | 'path' | 'round'>): string => `${experiment} ${path} ${round}`;
  const measured = new Set(runs.map(key));
  return cellsOf(plan).filter((cell) => !measured.has(key(cell)));
}

async function runCell(runner: Runner, { experiment, path, round, program, wish, read }: Cell, timeSeconds: number): Promise<Run> {
  const [source, ...flags] = program;
  let ended: BenchJob | undefined;
  try {
    ended = await runner.run(experiment, await runner.image(source, flags), { ...wish, path, policy: policyOf(path), timeSeconds });
    const { job, output } = ended;
    return {
      ...{ experiment, path, round, job: job.id, ...read(output), split: secondsOf(job), counters: countersOf(job) },
      phases: job.phaseSeconds,
    };
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error);
    return { experiment, path, round, job: ended?.job.id ?? '', failed };
  }
}

/** Inter-VM channels need both VMs on one host; the other paths are measured between hosts. */
const policyOf = (path: string): string => (path === 'ivc' ? 'pack' : 'spread');

async function measureVm(runner: Runner): Promise<NonNullable<Results['vm']>> {
  const image = await runner.image('examples/hello.c', ['-O2']);
  const first = await runner.run('hello', image, { path: 'bypass', ranks: 2 });
  const second = await runner.run('hello', image, { path: 'bypass', ranks: 2 });
  const memoryBytes = Math.max(...first.job.ranks.map(({ memoryBytesUsed }) => Number(memoryBytesUsed)));
  return { imageBytes: image.wasm.length, memoryBytes, cold: first.job.phaseSeconds, warm: second.job.phaseSeconds };
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

export function machine(): Results['machine'] {
  const cpu = cpus()[0]?.model ?? 'unknown';
  return { cpu, cores: availableParallelism(), memoryBytes: totalmem(), node: process.version, when: new Date().toISOString() };
}
