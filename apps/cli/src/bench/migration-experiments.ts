/**
 * The experiments on migration: Huang, Gao, Liu, Panda (Cluster 2007) on time against memory and on RDMA against TCP, and Zhang, Lu, Panda (IPDPS
 * 2017) on what a job notices when one of its VMs moves. Ways take turns, round after round, so that what else happens on the machine meets
 * all of them alike; medians count, and every move is kept.
 */
import type { GuestImage } from '@verbena/guest-image';
import type { Results } from './experiments.ts';
import { machine } from './measure.ts';
import { MovingJob, type Design, type Moved, type MoveWish } from './moving-job.ts';
import type { Session } from '../endpoint/session.ts';

export interface MigrationPlan {
  readonly rounds: number;
  /** MiB that the program has in use. */
  readonly sizes: readonly number[];
  /** Pages that it writes in a millisecond, with `usedMib` in use. */
  readonly rates: readonly number[];
  readonly usedMib: number;
  /** Of the latency experiment. */
  readonly seconds: number;
  /** Of the program on many VMs of which one moves. */
  readonly ranks: number;
  readonly steps: number;
  /** Percent of its time that the program of the overlap computes. */
  readonly shares: readonly number[];
}

export const quickMigrationPlan: MigrationPlan = {
  rounds: 3,
  sizes: [8, 48],
  rates: [0, 16],
  usedMib: 48,
  seconds: 3,
  ranks: 4,
  steps: 150,
  shares: [0, 50, 90],
};
export const fullMigrationPlan: MigrationPlan = {
  ...{ rounds: 5, sizes: [8, 16, 32, 64, 128], rates: [0, 1, 4, 16, 64], usedMib: 48 },
  ...{ seconds: 5, ranks: 8, steps: 400, shares: [0, 10, 25, 50, 75, 90] },
};

export const ways: Readonly<Record<string, MoveWish>> = {
  tcp: { transport: 'tcp' },
  'tcp, page by page': { transport: 'tcp', clustering: false },
  rdma: { transport: 'rdma' },
  'rdma, page by page': { transport: 'rdma', clustering: false },
  'tcp, stop and copy': { transport: 'tcp', mode: 'stopcopy' },
};

/**
 * How one of many VMs moves (R54). The worst case of the migration thread is a move in which nothing overlaps: all ranks stand while the memory travels.
 */
export const designs: Readonly<Record<string, MoveWish | undefined>> = {
  'no migration': undefined,
  'progress engine': { transport: 'rdma', design: 'pe' },
  'migration thread, worst case': { transport: 'rdma', design: 'mt', mode: 'stopcopy' },
  'migration thread, typical': { transport: 'rdma', design: 'mt' },
};
export const typical = 'migration thread, typical';
export const still = 'no migration';

/** What a program lost to a move in the middle of it, beyond what it lost without one, and how long the move took. */
export interface Overlap {
  readonly design: Design;
  /** Of its time in which it computes. */
  readonly percent: number;
  readonly lostMs: number;
  readonly moved: Moved;
}

export interface MoveRow {
  readonly experiment: 'size' | 'rate';
  readonly way: string;
  /** MiB in use, or pages a millisecond. */
  readonly x: number;
  readonly moves: readonly Moved[];
}

/** Microseconds in 10 ms from so many milliseconds on. */
export interface Bin {
  readonly atMs: number;
  readonly mean: number;
  readonly worst: number;
}

export interface LatencyTrace {
  readonly transport: string;
  readonly moved: Moved;
  readonly bounce: readonly Bin[];
  readonly allreduce: readonly Bin[];
}

export interface MigrationResults {
  readonly machine: Results['machine'];
  readonly plan: MigrationPlan;
  readonly rows: readonly MoveRow[];
  readonly traces: readonly LatencyTrace[];
  /** Seconds of the program on all ranks, by how one of them moved. */
  readonly work: Readonly<Record<string, readonly number[]>>;
  readonly overlaps: readonly Overlap[];
  readonly skipped: readonly string[];
}

const mebibyte = 1 << 20;
/** Beside what a program asks for: stack, library, rooms to grow. */
const besideMib = 64;

export async function measureMigration(
  session: Session,
  image: GuestImage,
  plan: MigrationPlan,
  signal: AbortSignal,
  tell: (text: string) => void,
): Promise<MigrationResults> {
  const rows: MoveRow[] = [];
  const traces: LatencyTrace[] = [];
  const work = Object.fromEntries(Object.keys(designs).map((name) => [name, [] as number[]]));
  const overlaps: Overlap[] = [];
  const skipped: string[] = [];
  const attempt = async (what: string, action: () => Promise<void>): Promise<void> => {
    signal.throwIfAborted();
    tell(what);
    try {
      await action();
    } catch (error) {
      signal.throwIfAborted();
      skipped.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const start = (args: readonly (string | number)[], processes: number, memoryMib?: number): Promise<MovingJob> => {
    const memory = memoryMib === undefined ? {} : { memoryBytes: memoryMib * mebibyte };
    return MovingJob.start(session, { image, args: args.map(String), processes, signal, ...memory });
  };
  const dirty = async (
    experiment: MoveRow['experiment'],
    x: number,
    mib: number,
    rate: number,
    names: readonly string[],
  ): Promise<void> => {
    const job = await start(['dirty', mib, rate], 1, mib + besideMib);
    try {
      const moves = new Map(names.map((name) => [name, [] as Moved[]]));
      // The first brings the image to the other host.
      await job.move(0, { transport: 'tcp' });
      for (let round = 0; round < plan.rounds; round++)
        for (const [name, own] of moves) own.push(await job.move(0, ways[name] ?? { transport: 'tcp' }));
      for (const [way, own] of moves) rows.push({ experiment, way, x, moves: own });
    } finally {
      await job.cancel();
    }
  };
  for (const mib of plan.sizes) await attempt(`${mib} MiB in use`, () => dirty('size', mib, mib, 0, Object.keys(ways)));
  for (const rate of plan.rates)
    await attempt(`${rate} pages written in a millisecond`, () => dirty('rate', rate, plan.usedMib, rate, ['tcp', 'rdma']));
  for (const transport of ['tcp', 'rdma'] as const)
    await attempt(`latency while a VM moves over ${transport}`, async () => {
      const job = await start(['latency', plan.seconds], 2);
      await new Promise((resolve) => setTimeout(resolve, (plan.seconds * 1_000) / 4));
      const moved = await job.move(1, { transport });
      const output = await job.output();
      traces.push({ transport, moved, bounce: readBins(output, 'bounce'), allreduce: readBins(output, 'allreduce') });
    });
  const rounds = `of ${plan.rounds}`;
  for (let round = 1; round <= plan.rounds; round++)
    for (const [name, wish] of Object.entries(designs))
      await attempt(`${plan.ranks} VMs, ${name}, round ${round} ${rounds}`, async () => {
        const job = await start(['work', plan.steps], plan.ranks);
        if (wish !== undefined) await job.move(plan.ranks - 1, wish);
        const [seconds = Number.NaN] = readLine(await job.output(), 'work').slice(1);
        work[name]?.push(seconds);
      });
  for (let round = 1; round <= plan.rounds; round++)
    for (const percent of plan.shares)
      await attempt(`overlap with ${percent}% of computation, round ${round} ${rounds}`, async () => {
        const lost = async (design?: Design): Promise<{ readonly lostMs: number; readonly moved?: Moved }> => {
          const job = await start(['overlap', plan.seconds, percent], 2);
          const moved = design === undefined ? {} : { moved: await job.move(1, { transport: 'rdma', design }) };
          const [, took = Number.NaN, usual = Number.NaN] = readLine(await job.output(), 'overlap');
          return { lostMs: (took - usual) * 1_000, ...moved };
        };
        // Steps are longer than usual now and then in any case, on a busy machine above all.
        const { lostMs: anyhow } = await lost();
        for (const design of ['pe', 'mt'] as const) {
          const { lostMs, moved } = await lost(design);
          if (moved !== undefined) overlaps.push({ design, percent, lostMs: lostMs - anyhow, moved });
        }
      });
  return { machine: machine(), plan, rows, traces, work, overlaps, skipped };
}

/** The numbers of the line that begins with a word. @throws Error when the program has not written it */
function readLine(output: string, what: string): number[] {
  const line = output.split('\n').find((each) => each.startsWith(`${what} `));
  if (line === undefined) throw new Error(`the program did not say how long "${what}" took`);
  return line.split(' ').slice(1).map(Number);
}

/** Lines "what ms mean worst". */
export function readBins(output: string, what: string): Bin[] {
  return output.split('\n').flatMap((line) => {
    const [name, ...numbers] = line.split(' ');
    const [atMs, mean, worst] = numbers.map(Number);
    const whole = name === what && numbers.length === 3 && numbers.every((number) => Number.isFinite(Number(number)));
    return whole ? [{ atMs: atMs ?? 0, mean: mean ?? 0, worst: worst ?? 0 }] : [];
  });
}

export function medianOf(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  return sorted.length % 2 === 1 || upper === undefined ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** Percent of the time of moves that was hidden behind the program's own work: 100 when it took no longer than without a move. */
export function medianOverlap({ overlaps }: Pick<MigrationResults, 'overlaps'>, design: Design, percent: number): number | undefined {
  const own = overlaps.filter((each) => each.design === design && each.percent === percent);
  return medianOf(own.map(({ lostMs, moved }) => 100 * Math.min(1, Math.max(0, 1 - lostMs / moved.totalMs))));
}

/** Of all moves of a way in an experiment. */
export function medianMove(
  { rows }: Pick<MigrationResults, 'rows'>,
  experiment: MoveRow['experiment'],
  way: string,
  x: number,
  of: keyof Moved,
): number | undefined {
  const row = rows.find((each) => each.experiment === experiment && each.way === way && each.x === x);
  return row === undefined ? undefined : medianOf(row.moves.map((move) => move[of]));
}
