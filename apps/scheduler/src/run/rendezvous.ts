/**
 * The job-wide half of the exchange of business cards, in the manner of PMI-1: the n-th meeting is complete when the cards of all ranks are
 * there, and everyone then gets all of them. A repeated call brings the same cards again and is answered like the first.
 */

export type Cards = ReadonlyMap<number, Uint8Array>;

export class RendezvousError extends Error {
  readonly kind: 'unknown-job' | 'bad-cards' | 'rank-gone';

  constructor(kind: RendezvousError['kind'], message: string) {
    super(message);
    this.name = 'RendezvousError';
    this.kind = kind;
  }
}

interface Meeting {
  readonly cards: Map<number, Uint8Array>;
  readonly complete: PromiseWithResolvers<Cards>;
}

interface Party {
  /** Node of each rank. */
  readonly nodes: string[];
  /** Ranks that have left the job for good, and are not waited for. */
  left: ReadonlySet<number>;
  readonly meetings: Map<number, Meeting>;
  readonly gone: Map<number, string>;
}

const mostMeetings = 8;
const largestCard = 64 * 1024;

export class Rendezvous {
  readonly #parties = new Map<string, Party>();

  /** Opens the meetings of a job; they end with the signal. */
  open(jobId: string, nodes: readonly string[], signal: AbortSignal): void {
    if (this.#parties.has(jobId)) return;
    const party: Party = { nodes: [...nodes], left: new Set(), meetings: new Map(), gone: new Map() };
    this.#parties.set(jobId, party);
    const close = (): void => {
      if (this.#parties.get(jobId) === party) this.#parties.delete(jobId);
      for (const { complete } of party.meetings.values()) complete.reject(new RendezvousError('unknown-job', `job ${jobId} is over`));
    };
    signal.addEventListener('abort', close, { once: true });
  }

  /** Cards that a node's ranks had brought to an earlier scheduler. */
  recall(jobId: string, nodeId: string, generation: number, cards: Readonly<Record<number, Uint8Array>>): void {
    const brought = new Map(Object.entries(cards).map(([rank, card]) => [Number(rank), card]));
    // Whom it concerns waits for the meeting with a call of its own.
    if (brought.size > 0) this.join(jobId, nodeId, generation, brought).catch(() => undefined);
  }

  /** A rank's VM has another node: its cards come from there. */
  moved(jobId: string, rank: number, nodeId: string): void {
    const party = this.#parties.get(jobId);
    if (party?.nodes[rank] !== undefined) party.nodes[rank] = nodeId;
  }

  /** The job has more ranks; from the next meeting on, those that have left it are not waited for. */
  grow(jobId: string, nodes: readonly string[], left: readonly number[]): void {
    const party = this.#parties.get(jobId);
    if (party === undefined) return;
    party.nodes.splice(0, party.nodes.length, ...nodes);
    party.left = new Set(left);
    for (const rank of left) party.gone.delete(rank);
  }

  /** A rank has ended: meetings that it has not come to can never be complete. */
  exited(jobId: string, rank: number): void {
    const party = this.#parties.get(jobId);
    // One that had left when the job grew is not waited for.
    if (party === undefined || party.left.has(rank)) return;
    const why = `rank ${rank} has ended before it came to the rendezvous`;
    party.gone.set(rank, why);
    for (const { cards, complete } of party.meetings.values()) if (!cards.has(rank)) complete.reject(new RendezvousError('rank-gone', why));
  }

  /** @throws RendezvousError, also when the job ends first */
  join(jobId: string, nodeId: string, generation: number, cards: Cards): Promise<Cards> {
    const party = this.#parties.get(jobId);
    if (party === undefined) return Promise.reject(new RendezvousError('unknown-job', `job ${jobId} is not running`));
    const bad = badCards(party, nodeId, cards);
    if (bad !== undefined) return Promise.reject(new RendezvousError('bad-cards', bad));
    const meeting = meetingOf(party, generation);
    for (const [rank, card] of cards) if (!meeting.cards.has(rank)) meeting.cards.set(rank, card);
    for (const [rank, why] of party.gone) if (!meeting.cards.has(rank)) meeting.complete.reject(new RendezvousError('rank-gone', why));
    if (meeting.cards.size === party.nodes.length - party.left.size) meeting.complete.resolve(meeting.cards);
    return meeting.complete.promise;
  }
}

function meetingOf(party: Party, generation: number): Meeting {
  const known = party.meetings.get(generation);
  if (known !== undefined) return known;
  const [oldest] = party.meetings.keys();
  if (party.meetings.size >= mostMeetings && oldest !== undefined) party.meetings.delete(oldest);
  const meeting: Meeting = { cards: new Map(), complete: Promise.withResolvers() };
  // It may be rejected while nobody listens any more.
  meeting.complete.promise.catch(() => undefined);
  party.meetings.set(generation, meeting);
  return meeting;
}

function badCards(party: Party, nodeId: string, cards: Cards): string | undefined {
  for (const [rank, card] of cards) {
    if (party.nodes[rank] !== nodeId) return `node ${nodeId} brings a card for rank ${rank}, which does not run there`;
    if (card.length > largestCard) return `the card of rank ${rank} has ${card.length} bytes; at most ${largestCard} are possible`;
  }
  return undefined;
}
