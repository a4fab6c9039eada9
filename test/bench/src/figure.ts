/**
 * A figure is one row of the table: our number, the peer's, and the ratio between them, from runs that alternate so that whatever else the
 * machine does falls on both alike. Ratios are of medians. Nothing here fails a build: machines differ, so the reader judges.
 */

export interface Side {
  readonly name: string;
  /** One measurement, in the figure's unit. Undefined where the side is not installed. */
  readonly measure: (() => Promise<number>) | undefined;
  /** What to install, when it is not. */
  readonly missing?: string;
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly ours: Side;
  readonly peer: Side;
  /** Whether a smaller ratio is better: times yes, bandwidths no. */
  readonly smallerIsBetter: boolean;
  /** A ratio, or for figures whose floor is a plain number in the figure's unit, that number. */
  readonly floor: number | { readonly absolute: number };
  readonly aim: number;
  readonly rounds: number;
}

export interface Result {
  readonly figure: Figure;
  readonly ours: readonly number[];
  readonly peer: readonly number[];
  /** Set when one of the sides is not installed. */
  readonly skipped?: string;
  /** Set when a measurement went wrong. */
  readonly failed?: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new RangeError('the median of nothing');
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

export type Verdict = 'aim' | 'floor' | 'below' | 'skipped' | 'failed';

export function judge(result: Result): { ratio: number; verdict: Verdict } {
  if (result.skipped !== undefined) return { ratio: Number.NaN, verdict: 'skipped' };
  if (result.failed !== undefined) return { ratio: Number.NaN, verdict: 'failed' };
  const ratio = median(result.ours) / median(result.peer);
  const ours = median(result.ours);
  const reaches = (bound: Figure['floor']): boolean => {
    const [value, limit] = typeof bound === 'number' ? [ratio, bound] : [ours, bound.absolute];
    return result.figure.smallerIsBetter ? value <= limit : value >= limit;
  };
  return { ratio, verdict: reaches(result.figure.aim) ? 'aim' : reaches(result.figure.floor) ? 'floor' : 'below' };
}

/** Measures ours and the peer in turn, `rounds` times each. A measurement that goes wrong fails its figure, and the others go on. */
export async function run(figure: Figure): Promise<Result> {
  const { ours, peer } = figure;
  for (const side of [ours, peer])
    if (!side.measure) return { figure, ours: [], peer: [], skipped: side.missing ?? `${side.name} is not installed` };
  const samples = { ours: [] as number[], peer: [] as number[] };
  try {
    for (let round = 0; round < figure.rounds; round++) {
      samples.peer.push(await peer.measure!());
      samples.ours.push(await ours.measure!());
    }
  } catch (error) {
    return { figure, ...samples, failed: error instanceof Error ? error.message : String(error) };
  }
  return { figure, ...samples };
}
