/**
 * Which scheduler may give this node orders. Each that becomes the leader has a higher term than all before it; one that has lost the lead without
 * knowing it may still call, and must not destroy what its successor has placed.
 */
import { Refusal } from './errors.ts';

export class Terms {
  #highest = 0n;

  /** @throws {Refusal} old-term; a term of 0 makes no claim and is let through */
  check(term: bigint): void {
    if (term !== 0n && term < this.#highest)
      throw new Refusal(
        'old-term',
        `the scheduler of term ${String(term)} leads no more: this node has heard of term ${String(this.#highest)}`,
      );
    if (term > this.#highest) this.#highest = term;
  }
}
