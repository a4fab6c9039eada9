/** How many of the processes that a running program asks for it gets (MPI-3.1, section 10.3.4: the info key `soft`). */

export interface SpawnWish {
  readonly most: number;
  /** The numbers that are good enough, "a", "a:b" or "a:b:c" between commas; empty: only `most`. */
  readonly soft: string;
}

/**
 * By command, in their order: each gets the largest number that is good enough and for which there is room after those before it.
 * Undefined when one gets none that is good enough, or none gets any.
 */
export function grantedCounts(wishes: readonly SpawnWish[], free: number): readonly number[] | undefined {
  const counts: number[] = [];
  let left = free;
  for (const { most, soft } of wishes) {
    const limit = Math.min(most, left);
    const count = soft.trim() === '' ? (most <= left ? most : undefined) : largestOf(soft, limit);
    if (count === undefined) return undefined;
    counts.push(count);
    left -= count;
  }
  return left < free ? counts : undefined;
}

const mostParts = 256;

/** The largest number of the set that is at most the limit. Parts that are no numbers are passed over. */
function largestOf(soft: string, limit: number): number | undefined {
  const found = soft.split(',', mostParts).flatMap((part) => largestOfPart(part, limit) ?? []);
  return found.length === 0 ? undefined : Math.max(...found);
}

/** Of the numbers a, a + c, a + 2c, ... up to b, or down to b. */
function largestOfPart(part: string, limit: number): number | undefined {
  const match = /^\s*(\d{1,9})\s*(?::\s*(\d{1,9})\s*(?::\s*(-?\d{1,9})\s*)?)?$/.exec(part);
  if (match === null) return undefined;
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  const step = Number(match[3] ?? 1);
  if (step === 0 || (to - from) * step < 0) return undefined;
  if (step > 0) return from > limit ? undefined : from + Math.floor((Math.min(to, limit) - from) / step) * step;
  const largest = from <= limit ? from : from + Math.ceil((from - limit) / -step) * step;
  return largest >= to ? largest : undefined;
}
