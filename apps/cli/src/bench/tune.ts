/**
 * verbena bench tune: which algorithm of a collective is the quickest where, as a table for the MPI library. Each algorithm is forced in turn, by a table with
 * nothing else in it, in jobs whose ranks are on one host, on hosts of their own, or several on each of two.
 */
import { algorithmsOf, collectives, formatRow, type Collective, type TuningRow, type Where } from '../run/mpi-tuning.ts';
import { readPoints } from './experiments.ts';
import type { BenchRunner } from './runner.ts';

export interface Sample {
  readonly collective: Collective;
  readonly where: Where;
  readonly ranks: number;
  readonly bytes: number;
  readonly algorithm: string;
  /** Of one call. */
  readonly microseconds: number;
}

export interface Layout {
  readonly where: Exclude<Where, '*'>;
  readonly ranks: number;
}

export interface TunePlan {
  readonly layouts: readonly Layout[];
  readonly rounds: number;
  readonly batchMs: number;
  readonly path: string;
}

/** An algorithm that is not the first of its collective has to gain as much, so that noise does not choose. */
const gain = 0.9;

const passes = Math.max(...collectives.map((each) => algorithmsOf[each].length));
/** The algorithm that a collective takes in a pass; what has none left is not measured. */
const forced = (pass: number): TuningRow[] =>
  collectives.flatMap((collective) => {
    const algorithm = algorithmsOf[collective][pass];
    return algorithm === undefined ? [] : [{ collective, where: '*' as const, ranks: Infinity, bytes: Infinity, algorithm }];
  });

/** Whether a call can be done so at all (libs/guest-mpi/src/coll): elsewhere the library would take another, and that be measured. */
export function isAble({ collective, where, ranks, bytes }: Omit<Sample, 'algorithm' | 'microseconds'>, algorithm: string): boolean {
  if (algorithm === 'two-level') return where === 'nested';
  if (algorithm === 'pieces') return ranks === 2;
  // Of integers of 4 bytes each rank reduces at least one.
  if (algorithm === 'rabenseifner') return ranks > 2 && bytes >= 4 * ranks;
  return !(collective === 'allgather' && algorithm === 'doubling') || Number.isInteger(Math.log2(ranks));
}

export async function measureTuning(runner: BenchRunner, plan: TunePlan, onStep: (text: string) => void): Promise<readonly Sample[]> {
  const image = await runner.image('examples/bench/collectives.c', ['-O3']);
  const samples: Sample[] = [];
  for (let round = 1; round <= plan.rounds; round++)
    for (const { where, ranks } of plan.layouts)
      for (let pass = 0; pass < passes; pass++) {
        const rows = forced(pass);
        onStep(`round ${String(round)}: ${String(ranks)} ranks, ${where}, pass ${String(pass + 1)} of ${String(passes)}`);
        const env = [`VERBENA_MPI_TUNING=${rows.map(formatRow).join(';')}`];
        const wish = { path: plan.path, ranks, env, args: [String(plan.batchMs)], policy: where === 'one' ? 'pack' : 'spread' };
        const { output } = await runner.run('tune', image, wish);
        const points = new Map(rows.map(({ collective, algorithm }) => [collective as string, { collective, algorithm }]));
        for (const { figure, bytes, value } of readPoints(output)) {
          const row = points.get(figure);
          if (row !== undefined && isAble({ ...row, where, ranks, bytes }, row.algorithm))
            samples.push({ ...row, where, ranks, bytes, microseconds: value });
        }
      }
  return samples;
}

const ascending = (numbers: Iterable<number>): number[] => [...new Set(numbers)].sort((a, b) => a - b);

/** The quickest algorithm for one call, of the best of its rounds. */
export function quickest(samples: readonly Sample[]): string {
  const best = new Map<string, number>();
  for (const { algorithm, microseconds } of samples) best.set(algorithm, Math.min(microseconds, best.get(algorithm) ?? Infinity));
  let chosen: readonly [string, number] | undefined;
  for (const entry of best) if (chosen === undefined || entry[1] < chosen[1] * gain) chosen = entry;
  if (chosen === undefined) throw new Error('a call without samples has no quickest algorithm: this is a fault of the program');
  return chosen[0];
}

/** Rows for each collective and layout: the limits lie at the sizes that were measured, and the last of each kind has none. */
export function tableOf(samples: readonly Sample[]): readonly TuningRow[] {
  return collectives.flatMap((collective) =>
    (['one', 'spread', 'nested'] as const).flatMap((where) => {
      const here = samples.filter((sample) => sample.collective === collective && sample.where === where);
      const counts = ascending(here.map(({ ranks }) => ranks));
      return counts.flatMap((ranks) =>
        rowsOf(here.filter((sample) => sample.ranks === ranks)).map((row) => ({
          ...row,
          ranks: ranks === counts.at(-1) ? Infinity : ranks,
        })),
      );
    }),
  );
}

/** Of samples that differ in bytes, algorithm and time alone. */
function rowsOf(samples: readonly Sample[]): TuningRow[] {
  const rows: TuningRow[] = [];
  for (const bytes of ascending(samples.map((sample) => sample.bytes))) {
    const at = samples.filter((sample) => sample.bytes === bytes);
    const algorithm = quickest(at);
    if (rows.at(-1)?.algorithm === algorithm) rows.pop();
    const [{ collective, where, ranks }] = at as [Sample, ...Sample[]];
    rows.push({ collective, where, ranks, bytes, algorithm });
  }
  return rows.map((row, i) => (i === rows.length - 1 ? { ...row, bytes: Infinity } : row));
}

export function tuningFile(rows: readonly TuningRow[], about: readonly string[]): string {
  return [...about.map((line) => `# ${line}`), '# collective  where  ranks  bytes  algorithm', ...rows.map(formatRow), ''].join('\n');
}
