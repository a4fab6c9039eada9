/**
 * What of a job's output a follower has shown, so that a job that goes on from a checkpoint does not show it again: storage begins the new attempt with a
 * copy of what was written up to the checkpoint, which whoever was there has seen.
 */
import type { storagev1 } from '@verbena/contracts';

type Piece = Pick<storagev1.OutputPiece, 'rank' | 'stream' | 'offset' | 'data' | 'attempt' | 'copied'>;

export interface Shown {
  /** What of the piece is new; nothing when it is empty. */
  readonly data: Uint8Array;
  /** For people, before it: the job runs again, and what follows may have been seen. */
  readonly note?: string;
}

export class ShownOutput {
  readonly #ends = new Map<string, bigint>();
  #attempt = 0;

  take({ rank, stream, offset, data, attempt, copied }: Piece): Shown {
    const again = this.#attempt > 0 && attempt > this.#attempt;
    if (again && !copied) this.#ends.clear();
    this.#attempt = Math.max(this.#attempt, attempt);
    const key = `${String(rank)}/${String(stream)}`;
    const end = copied ? (this.#ends.get(key) ?? 0n) : offset;
    const known = end > offset ? Number(end - offset) : 0;
    const till = offset + BigInt(data.length);
    // Behind the copy this attempt writes for itself, whatever the one before had written by then.
    if (!copied || till > end) this.#ends.set(key, till);
    const rest = data.subarray(Math.min(known, data.length));
    if (!again) return { data: rest };
    const from = copied ? 'from its last checkpoint; what it wrote after that' : 'from its beginning; what it wrote before';
    return { data: rest, note: `the job runs again (attempt ${String(attempt)}), ${from} comes again` };
  }
}
