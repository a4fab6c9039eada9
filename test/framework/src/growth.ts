/**
 * A running job of guests that stops as a whole, and goes on with more ranks than before: what a scheduler and its node-agents do for MPI_Comm_spawn
 * (docs/decisions/0022-spawned-processes.md), without either.
 */
import { grantedCounts } from '@verbena/domain-job';
import type { GuestImage } from '@verbena/guest-image';
import type { ReleaseMode, SpawnAnswer, SpawnRequest, World } from '@verbena/hypervisor';
import type { Share, SharePlan } from './guest-share.ts';

/** A rank that a running job gets. */
export interface Newcomer {
  readonly rank: number;
  readonly host: number;
  readonly image: SharePlan['image'];
  readonly args: readonly string[];
  readonly world: World;
  /** Made by the others so far. */
  readonly rendezvous: number;
}

export interface Growth {
  readonly size: number;
  readonly hosts: number;
  readonly newcomers: readonly Newcomer[];
}

/** Hands every rank's card to every rank, once all of a round are there. Those that have left the job give none, and count as zeros. */
export class Rendezvous {
  #size: number;
  #gone: ReadonlySet<number> = new Set();
  readonly #rounds = new Map<number, { cards: Uint8Array[]; all: Promise<Uint8Array>; done: (all: Uint8Array) => void }>();

  constructor(size: number) {
    this.#size = size;
  }

  /** Rounds that have begun. */
  get made(): number {
    return this.#rounds.size;
  }

  meet(generation: number, rank: number, card: Uint8Array): Promise<Uint8Array> {
    let round = this.#rounds.get(generation);
    if (round === undefined) {
      const { promise, resolve } = Promise.withResolvers<Uint8Array>();
      round = { cards: [], all: promise, done: resolve };
      this.#rounds.set(generation, round);
    }
    const { cards, done } = round;
    cards[rank] = card;
    const all = Array.from({ length: this.#size }, (_, each) => cards[each] ?? (this.#gone.has(each) ? card.map(() => 0) : undefined));
    if (all.every((each) => each !== undefined)) done(new Uint8Array(Buffer.concat(all)));
    return round.all;
  }

  isGone(rank: number): boolean {
    return this.#gone.has(rank);
  }

  /** From the next round on these meet. */
  of(size: number, ranks: readonly number[]): void {
    const here = new Set(ranks);
    this.#size = size;
    this.#gone = new Set(Array.from({ length: size }, (_, rank) => rank).filter((rank) => !here.has(rank)));
  }
}

/** All ranks of a job, for what stops all of them. */
export class Standstill {
  readonly #shares: readonly Share[];
  readonly #rendezvous: Rendezvous;
  #size: number;
  #epoch = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(shares: readonly Share[], size: number, rendezvous: Rendezvous) {
    this.#shares = shares;
    this.#size = size;
    this.#rendezvous = rendezvous;
  }

  get size(): number {
    return this.#size;
  }

  /** Gives an attempt its number, and the job to itself. */
  turn<T>(attempt: (epoch: number) => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => attempt(++this.#epoch));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Whether all have stopped that have not ended. */
  async stop(epoch: number, timeoutMs: number): Promise<boolean> {
    const standing = await Promise.all(this.#shares.map((share) => share.quiesce(epoch, timeoutMs)));
    const ranks = standing.flatMap((each) => each ?? []);
    if (!standing.every((each) => each !== undefined)) return false;
    this.#rendezvous.of(this.#size, ranks);
    return true;
  }

  /** Of a job that has stopped. */
  async grow(hosts: number, newcomers: readonly Omit<Newcomer, 'rendezvous'>[]): Promise<void> {
    const before = Array.from({ length: this.#size }, (_, rank) => rank).filter((rank) => !this.#rendezvous.isGone(rank));
    this.#size += newcomers.length;
    this.#rendezvous.of(this.#size, [...before, ...newcomers.map(({ rank }) => rank)]);
    const rendezvous = this.#rendezvous.made;
    const growth = { size: this.#size, hosts, newcomers: newcomers.map((each) => ({ ...each, rendezvous })) };
    await Promise.all(this.#shares.map((share) => share.grow(growth)));
  }

  async release(epoch: number, mode: ReleaseMode): Promise<void> {
    await Promise.all(this.#shares.map((share) => share.release(epoch, mode)));
  }
}

export interface Spawning {
  readonly image: GuestImage;
  /** What commands may name beside the program itself. */
  readonly programs: Readonly<Record<string, GuestImage>>;
  readonly firstSize: number;
  readonly hosts: number;
  readonly universe: number;
  /** Ranks that run. */
  readonly running: () => number;
  /** Room for what ranks of these numbers tell. */
  readonly begins: (rank: number) => void;
}

const attempts = 20;
const patienceMs = 3_000;

/** Answers one request of a rank. */
export async function spawnInto(job: Standstill, spawning: Spawning, parent: number, request: SpawnRequest): Promise<SpawnAnswer> {
  const { programs, image, firstSize, hosts, universe, running, begins } = spawning;
  const images = request.map(({ program }) => (isItself(program) ? image : programs[program]));
  const unknown = images.findIndex((each) => each === undefined);
  if (unknown >= 0) return { kind: 'no-program', command: unknown };
  for (let attempt = 0; attempt < attempts; attempt++) {
    const answer = await job.turn(async (epoch): Promise<SpawnAnswer | undefined> => {
      const free = universe - running();
      const counts = grantedCounts(request, free);
      if (counts === undefined) return { kind: 'no-cores', free };
      const first = job.size;
      const size = counts.reduce((sum, count) => sum + count, 0);
      if (!(await job.stop(epoch, patienceMs))) return void (await job.release(epoch, 'same'));
      const newcomers = counts.flatMap((count, appNumber) =>
        Array.from({ length: count }, () => {
          const { program = '', args = [] } = request[appNumber] ?? {};
          const chosen = images[appNumber] ?? image;
          const world = { first, size, firstSize, parent, appNumber, universe };
          return { image: { digest: chosen.manifest.content.digest, wasm: chosen.wasm }, args: [program, ...args], world };
        }),
      );
      const numbered = newcomers.map((each, i) => ({ ...each, rank: first + i, host: (first + i) % hosts }));
      for (const { rank } of numbered) begins(rank);
      await job.grow(hosts, numbered);
      await job.release(epoch, 'new-adapter');
      return { kind: 'granted', first };
    });
    if (answer !== undefined) return answer;
  }
  return { kind: 'refused' };
}

const isItself = (program: string): boolean => program.replace(/^.*\//, '') === 'guest';
