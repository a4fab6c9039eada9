/**
 * The node's half of the exchange of business cards (in the manner of PMI-1's barrier): collects the cards of the ranks that run here,
 * takes them to the scheduler in one call for each generation, and hands everyone's cards to each rank, concatenated by rank.
 *
 * A rank that ends without having brought its card leaves the others nothing to wait for: their rendezvous fails and says so.
 */

/** Brings this node's cards, resolves with those of all ranks. Repeats itself as long as it makes sense. */
export type Exchange = (generation: number, cards: ReadonlyMap<number, Uint8Array>) => Promise<ReadonlyMap<number, Uint8Array>>;

interface Meeting {
  readonly cards: Map<number, Uint8Array>;
  readonly result: PromiseWithResolvers<Uint8Array>;
  left: boolean;
}

const openMeetings = 4;

export class LocalRendezvous {
  #ranks: readonly number[];
  #size: number;
  #gone: ReadonlySet<number> = new Set();
  #made = 0;
  readonly #exchange: Exchange;
  readonly #ended = new Map<number, string>();
  readonly #meetings = new Map<number, Meeting>();

  /** `ranks` are those of this node, `size` is the number of all ranks of the job. */
  constructor(ranks: readonly number[], size: number, exchange: Exchange) {
    this.#ranks = [...ranks];
    this.#size = size;
    this.#exchange = exchange;
  }

  /** Meetings that ranks of this node have come to so far. */
  get made(): number {
    return this.#made;
  }

  /** The job has more ranks; those that have left it bring no cards any more. */
  grow(size: number, gone: readonly number[]): void {
    this.#size = size;
    this.#gone = new Set(gone);
    for (const rank of gone) this.#ended.delete(rank);
    this.#ranks = this.#ranks.filter((rank) => !this.#gone.has(rank));
  }

  /** @throws when the guest breaks the protocol, or when a rank ended that others wait for */
  join(rank: number, generation: number, card: Uint8Array): Promise<Uint8Array> {
    const meeting = this.#meeting(generation);
    if (meeting.cards.has(rank)) throw new Error(`rank ${String(rank)} came twice to rendezvous ${String(generation)}`);
    const length = meeting.cards.values().next().value?.length ?? card.length;
    if (length !== card.length)
      throw new Error(
        `rank ${String(rank)} brought a card of ${String(card.length)} bytes to rendezvous ${String(generation)}, others ${String(length)}`,
      );
    meeting.cards.set(rank, card.slice());
    this.#made = Math.max(this.#made, generation + 1);
    for (const [ended, how] of this.#ended) if (!meeting.cards.has(ended)) meeting.result.reject(absent(ended, how));
    this.#bringComplete();
    return meeting.result.promise;
  }

  /** A rank of this node has ended: whoever waits for its card learns that it will not come. */
  ended(rank: number, how: string): void {
    if (this.#gone.has(rank)) return;
    this.#ended.set(rank, how);
    for (const meeting of this.#meetings.values()) if (!meeting.left && !meeting.cards.has(rank)) meeting.result.reject(absent(rank, how));
  }

  /** A rank has come from another node: from the next meeting on its card is brought from here. */
  enter(rank: number): void {
    if (!this.#ranks.includes(rank)) this.#ranks = [...this.#ranks, rank];
    this.#ended.delete(rank);
  }

  /** A rank has gone to another node, which brings its cards from now on: those that remain may have waited for it alone. */
  leave(rank: number): void {
    this.#ranks = this.#ranks.filter((other) => other !== rank);
    this.#bringComplete();
  }

  /** The cards that ranks of this node have brought to the meetings that are remembered. */
  brought(): { generation: number; cards: ReadonlyMap<number, Uint8Array> }[] {
    return [...this.#meetings].map(([generation, { cards }]) => ({ generation, cards }));
  }

  #meeting(generation: number): Meeting {
    const known = this.#meetings.get(generation);
    if (known) return known;
    for (const [old] of this.#meetings) if (this.#meetings.size >= openMeetings) this.#meetings.delete(old);
    const meeting: Meeting = { cards: new Map(), result: Promise.withResolvers(), left: false };
    // Nobody may be listening when it is rejected.
    meeting.result.promise.catch(() => undefined);
    this.#meetings.set(generation, meeting);
    return meeting;
  }

  /** Takes the cards of each meeting to the scheduler to which all ranks that are here have come. */
  #bringComplete(): void {
    for (const [generation, meeting] of this.#meetings)
      if (!meeting.left && meeting.cards.size > 0 && this.#ranks.every((rank) => meeting.cards.has(rank)))
        void this.#bring(generation, meeting);
  }

  async #bring(generation: number, meeting: Meeting): Promise<void> {
    meeting.left = true;
    try {
      meeting.result.resolve(inOrder(await this.#exchange(generation, meeting.cards), this.#size, this.#gone));
    } catch (error) {
      meeting.result.reject(error);
    }
  }
}

function absent(rank: number, how: string): Error {
  return new Error(`rank ${String(rank)} ${how} before it called MPI_Init`);
}

/** Zeros for those that have left. */
function inOrder(cards: ReadonlyMap<number, Uint8Array>, size: number, gone: ReadonlySet<number>): Uint8Array {
  const length = cards.values().next().value?.length ?? 0;
  const all = new Uint8Array(size * length);
  for (let rank = 0; rank < size; rank++) {
    const card = cards.get(rank);
    if (card === undefined && gone.has(rank)) continue;
    if (card?.length !== length) throw new Error(`the rendezvous has no card of ${String(length)} bytes for rank ${String(rank)}`);
    all.set(card, rank * length);
  }
  return all;
}
