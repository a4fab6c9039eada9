/**
 * The experiments of the papers. Each is one measurement repeated over the paths in turn, round after round, so that what else happens on the
 * machine meets all paths alike; of the rounds the best counts, and all are kept, those that failed as well.
 */
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import type { jobv1 } from '@verbena/contracts';
import { secondsOf, type BenchJob, type BenchRunner, type JobWish } from './runner.ts';

export interface Plan {
  readonly paths: readonly string[];
  readonly rounds: number;
  readonly batchMs: number;
  /** Class of each NAS kernel, by its name. */
  readonly classes: Readonly<Record<string, string>>;
  readonly kernels: readonly string[];
  readonly ranks: number;
  /** Order of Linpack's system. */
  readonly hplOrder: number;
  /** Linpack runs on each of these numbers of ranks. */
  readonly hplRanks: readonly number[];
  /** A job that takes longer has failed. */
  readonly cellSeconds: number;
}

/** Small problems: set-up is much of their time. */
const quickClasses = { EP: 'S', IS: 'S', CG: 'S', FT: 'S', MG: 'S', LU: 'S', SP: 'S', BT: 'S' } as const;
/** A second or two each, natively: long enough to say whose time it was. */
const fullClasses = { EP: 'A', IS: 'A', CG: 'A', FT: 'W', MG: 'A', LU: 'W', SP: 'W', BT: 'W' } as const;

export const quickPlan = { rounds: 2, batchMs: 10, classes: quickClasses, hplOrder: 400, cellSeconds: 120 } as const;
export const fullPlan = { rounds: 5, batchMs: 40, classes: fullClasses, hplOrder: 1500, cellSeconds: 600 } as const;
export const allKernels = ['EP', 'IS', 'CG', 'FT', 'MG', 'LU', 'SP', 'BT'] as const;

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
  /** Empty when it failed before it was one. */
  readonly job: string;
  /** Why there is no result; everything below is missing then. */
  readonly failed?: string;
  readonly points?: readonly Point[];
  readonly seconds?: number;
  readonly gflops?: number;
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
  /** Of the machine when the experiments began, over a minute: what others did on it. */
  readonly loadBefore: number;
  readonly plan: Plan;
  readonly vm: { readonly imageBytes: number; readonly memoryBytes: number; readonly cold: Phases; readonly warm: Phases } | undefined;
  readonly runs: readonly Run[];
}
export type Phases = Readonly<Record<string, number>>;

/** One program on one path, for the n-th time. */
interface Cell {
  readonly experiment: string;
  readonly path: string;
  readonly round: number;
  /** For people. */
  readonly what: string;
  readonly program: readonly [source: string, ...flags: string[]];
  readonly wish: Omit<JobWish, 'path' | 'policy' | 'timeSeconds'>;
  /** @throws Error when the output is not that of a good run */
  readonly read: (output: string) => Pick<Run, 'points' | 'seconds' | 'gflops'>;
}

const readMicro = (output: string): Pick<Run, 'points'> => ({ points: readPoints(output) });

function readVerified(output: string): Pick<Run, 'seconds' | 'gflops'> {
  const seconds = Number(/on \d+ ranks: ([\d.]+) s/.exec(output)?.[1] ?? Number.NaN);
  const gflops = /([\d.]+) GFLOP/.exec(output)?.[1];
  if (!output.includes('SUCCESSFUL') || Number.isNaN(seconds)) throw new Error('it did not verify');
  return { seconds, ...(gflops === undefined ? {} : { gflops: Number(gflops) }) };
}

/** All cells in the order in which they run: for each experiment, rounds over the paths in turn. */
export function cellsOf(plan: Plan): Cell[] {
  const everywhere = (rounds: number, cell: (path: string) => Omit<Cell, 'path' | 'round'>): Cell[] =>
    Array.from({ length: rounds }, (_, i) => plan.paths.map((path) => ({ ...cell(path), path, round: i + 1 }))).flat();
  const micro = { program: ['examples/bench/micro.c', '-O3'], read: readMicro } as const;
  const args = [String(plan.batchMs)];
  return [
    ...everywhere(plan.rounds, () => ({ ...micro, experiment: 'micro', what: 'messages', wish: { ranks: 2, args } })),
    ...everywhere(1, () => ({
      ...{ ...micro, experiment: 'no-cache', what: 'messages without the registration cache' },
      wish: { ranks: 2, args: [...args, 'messages'], env: ['VERBENA_REGISTRATION_CACHE=0'] },
    })),
    ...plan.kernels.flatMap((kernel) =>
      everywhere(plan.rounds, () => ({
        ...{ experiment: `nas-${kernel}`, what: `NAS ${kernel} class ${plan.classes[kernel] ?? 'S'}`, read: readVerified },
        program: [`test/guests/nas/${kernel.toLowerCase()}.c`, '-O3', '-lm'],
        wish: { ranks: plan.ranks, args: [plan.classes[kernel] ?? 'S'] },
      })),
    ),
    ...plan.hplRanks.flatMap((ranks) =>
      everywhere(plan.rounds, () => ({
        ...{ experiment: `hpl-${ranks}`, what: `Linpack on ${ranks} ranks`, read: readVerified },
        ...{ program: ['examples/hpl.c', '-O3', '-lm'], wish: { ranks, args: [String(plan.hplOrder), '64'] } },
      })),
    ),
  ];
}

/**
 * Runs all cells. What fails is in the results as failed, and the rest goes on.
 * @throws what the signal was aborted with
 */
export async function measure(runner: BenchRunner, plan: Plan, tell: (text: string) => void, signal: AbortSignal): Promise<Results> {
  const [loadBefore = 0] = loadavg();
  tell('a VM: image, boot, memory');
  const vm = await measureVm(runner).catch(() => undefined);
  const cells = cellsOf(plan);
  const runs: Run[] = [];
  for (const [i, cell] of cells.entries()) {
    signal.throwIfAborted();
    const rounds = Math.max(...cells.filter(({ experiment }) => experiment === cell.experiment).map(({ round }) => round));
    tell(`${i + 1} of ${cells.length}: ${cell.what}, ${cell.path}, round ${cell.round} of ${rounds}`);
    runs.push(await runCell(runner, cell, plan.cellSeconds));
  }
  signal.throwIfAborted();
  return { machine: machine(), loadBefore, plan, vm, runs };
}

async function runCell(runner: BenchRunner, { experiment, path, round, program, wish, read }: Cell, timeSeconds: number): Promise<Run> {
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

async function measureVm(runner: BenchRunner): Promise<NonNullable<Results['vm']>> {
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

export function machine(): Results['machine'] {
  const cpu = cpus()[0]?.model ?? 'unknown';
  return { cpu, cores: availableParallelism(), memoryBytes: totalmem(), node: process.version, when: new Date().toISOString() };
}
