/**
 * The experiments of the papers. Each is one measurement on the paths in turn, so that what else happens on the machine meets all paths alike;
 * of the rounds the best counts, and all are kept, those that failed as well. A round has every experiment, so that one who has time for
 * a part of the rounds has all figures.
 */
import type { JobWish } from './runner.ts';

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
  /** After so many minutes no further run begins. */
  readonly minutes: number;
  /** A job that takes longer has failed; so long may the last one go on when the time for all has passed. */
  readonly cellSeconds: number;
}

/** Small problems: set-up is much of their time. */
const quickClasses = { EP: 'S', IS: 'S', CG: 'S', FT: 'S', MG: 'S', LU: 'S', SP: 'S', BT: 'S' } as const;
/** A second or two each, natively: long enough to say whose time it was. */
const fullClasses = { EP: 'A', IS: 'A', CG: 'A', FT: 'W', MG: 'A', LU: 'W', SP: 'W', BT: 'W' } as const;

export const quickPlan = { rounds: 2, batchMs: 10, classes: quickClasses, hplOrder: 400, minutes: 5, cellSeconds: 60 } as const;
export const fullPlan = { rounds: 5, batchMs: 40, classes: fullClasses, hplOrder: 1500, minutes: 25, cellSeconds: 180 } as const;
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
  /** Of the machine when the experiments began, over a minute: what others did on it. The highest, when they were resumed. */
  readonly loadBefore: number;
  readonly plan: Plan;
  readonly vm: { readonly imageBytes: number; readonly memoryBytes: number; readonly cold: Phases; readonly warm: Phases } | undefined;
  readonly runs: readonly Run[];
}
export type Phases = Readonly<Record<string, number>>;

/** One program on one path, for the n-th time. */
export interface Cell {
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

type Experiment = Omit<Cell, 'path' | 'round'>;

function experimentsOf(plan: Plan): Experiment[] {
  const micro = { program: ['examples/bench/micro.c', '-O3'], read: readMicro } as const;
  const args = [String(plan.batchMs)];
  return [
    { ...micro, experiment: 'micro', what: 'messages', wish: { ranks: 2, args } },
    {
      ...{ ...micro, experiment: 'no-cache', what: 'messages without the registration cache' },
      wish: { ranks: 2, args: [...args, 'messages'], env: ['VERBENA_REGISTRATION_CACHE=0'] },
    },
    ...plan.kernels.map((kernel): Experiment => ({
      ...{ experiment: `nas-${kernel}`, what: `NAS ${kernel} class ${plan.classes[kernel] ?? 'S'}`, read: readVerified },
      program: [`test/guests/nas/${kernel.toLowerCase()}.c`, '-O3', '-lm'],
      wish: { ranks: plan.ranks, args: [plan.classes[kernel] ?? 'S'] },
    })),
    ...plan.hplRanks.map((ranks): Experiment => ({
      ...{ experiment: `hpl-${ranks}`, what: `Linpack on ${ranks} ranks`, read: readVerified },
      ...{ program: ['examples/hpl.c', '-O3', '-lm'], wish: { ranks, args: [String(plan.hplOrder), '64'] } },
    })),
  ];
}

/** All cells in the order in which they run: round after round, each experiment over the paths in turn. Messages without the cache run once. */
export function cellsOf(plan: Plan): Cell[] {
  return Array.from({ length: plan.rounds }, (_, i) => i + 1).flatMap((round) =>
    experimentsOf(plan)
      .filter(({ experiment }) => round === 1 || experiment !== 'no-cache')
      .flatMap((experiment) => plan.paths.map((path) => ({ ...experiment, path, round }))),
  );
}

/** Lines "figure bytes value"; anything else is no point. */
export function readPoints(output: string): Point[] {
  return output.split('\n').flatMap((line) => {
    const [figure = '', bytes, value, ...more] = line.split(' ');
    const point = { figure, bytes: Number(bytes), value: Number(value) };
    return more.length === 0 && value !== undefined && Number.isFinite(point.bytes) && Number.isFinite(point.value) ? [point] : [];
  });
}
