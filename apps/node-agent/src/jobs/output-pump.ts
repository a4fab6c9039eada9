/**
 * Carries what the ranks of one job write on this node to storage: in order for each rank and stream, each byte once.
 *
 * One call is under way at a time; what arrives meanwhile goes with the next. A call that does not get through is repeated unchanged, and
 * the offsets make a repetition harmless. Each rank may have `rankBoundBytes` queued; beyond that its writer waits, and so does its guest.
 */
import { storagev1 } from '@verbena/contracts';
import { messageOf } from '../errors.ts';

export interface OutputPiece {
  readonly rank: number;
  readonly stream: 'stdout' | 'stderr';
  /** Byte offset in this rank's stream. */
  readonly offset: bigint;
  readonly data: Uint8Array;
}

export type OutputSink = (pieces: readonly OutputPiece[]) => Promise<void>;

const rankBoundBytes = 256 * 1024;
const batchBytes = 512 * 1024;

interface Waiter {
  readonly ready: () => boolean;
  readonly resolve: () => void;
}

export class OutputPump {
  readonly #sink: OutputSink;
  readonly #queue: OutputPiece[] = [];
  /** The call that is under way. */
  #sending: readonly OutputPiece[] = [];
  readonly #queuedByRank = new Map<number, number>();
  readonly #offsets = new Map<string, bigint>();
  #waiters: Waiter[] = [];
  #running = false;
  #failure: string | undefined;

  constructor(sink: OutputSink) {
    this.#sink = sink;
  }

  /** Why output was lost; undefined while none was. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Takes what a rank wrote. The promise is pending while the rank has too much on its way. */
  write(rank: number, stream: 'stdout' | 'stderr', data: Uint8Array): Promise<void> | void {
    if (data.length === 0 || this.#failure !== undefined) return;
    const key = `${String(rank)}/${stream}`;
    const offset = this.#offsets.get(key) ?? 0n;
    this.#offsets.set(key, offset + BigInt(data.length));
    // The caller may reuse its buffer as soon as this returns.
    this.#queue.push({ rank, stream, offset, data: data.slice() });
    this.#queuedByRank.set(rank, this.queuedBytes(rank) + data.length);
    this.#run();
    if (this.queuedBytes(rank) > rankBoundBytes) return this.#when(() => this.queuedBytes(rank) <= rankBoundBytes);
  }

  /** Up to where a rank has written a stream: where whoever goes on with it begins. */
  position(rank: number, stream: 'stdout' | 'stderr'): bigint {
    return this.#offsets.get(`${String(rank)}/${stream}`) ?? 0n;
  }

  /** A rank goes on here that has written so much elsewhere. */
  continueAt(rank: number, positions: Readonly<Record<'stdout' | 'stderr', bigint>>): void {
    for (const stream of ['stdout', 'stderr'] as const) this.#offsets.set(`${String(rank)}/${stream}`, positions[stream]);
  }

  /** Resolves when a rank's streams are in storage up to these positions, or output was lost for good (see `failure`). */
  storedUpTo(rank: number, positions: Readonly<Record<'stdout' | 'stderr', bigint>>): Promise<void> {
    const waits = ({ rank: whose, stream, offset }: OutputPiece): boolean => whose === rank && offset < positions[stream];
    return this.#when(() => !this.#sending.some(waits) && !this.#queue.some(waits));
  }

  queuedBytes(rank: number): number {
    return this.#queuedByRank.get(rank) ?? 0;
  }

  /** Resolves when everything that the rank has written is in storage, or lost for good (see `failure`). */
  drained(rank: number): Promise<void> {
    return this.#when(() => this.queuedBytes(rank) === 0);
  }

  #when(ready: () => boolean): Promise<void> {
    if (ready()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push({ ready, resolve });
    });
  }

  #wake(): void {
    const still: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.ready()) waiter.resolve();
      else still.push(waiter);
    }
    this.#waiters = still;
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#pump();
  }

  async #pump(): Promise<void> {
    // One turn of the event loop lets the ranks that write at the same moment share a call.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      this.#sending = batch;
      try {
        if (this.#failure === undefined) await this.#sink(merged(batch));
      } catch (error) {
        this.#failure = messageOf(error);
      }
      this.#sending = [];
      for (const piece of batch) this.#queuedByRank.set(piece.rank, this.queuedBytes(piece.rank) - piece.data.length);
      this.#wake();
    }
    this.#running = false;
  }

  #takeBatch(): OutputPiece[] {
    let bytes = 0;
    let count = 0;
    for (const piece of this.#queue) {
      if (count > 0 && bytes + piece.data.length > batchBytes) break;
      bytes += piece.data.length;
      count++;
    }
    return this.#queue.splice(0, count);
  }
}

/** Joins pieces of one rank and stream that follow each other, so that a program that writes by the byte does not cost a record each. */
export function merged(pieces: readonly OutputPiece[]): OutputPiece[] {
  const groups: { first: OutputPiece; parts: Uint8Array[]; bytes: number }[] = [];
  for (const piece of pieces) {
    const last = groups.at(-1);
    if (last && last.first.rank === piece.rank && last.first.stream === piece.stream) {
      last.parts.push(piece.data);
      last.bytes += piece.data.length;
    } else groups.push({ first: piece, parts: [piece.data], bytes: piece.data.length });
  }
  return groups.map(({ first, parts, bytes }) => {
    if (parts.length === 1) return first;
    const data = new Uint8Array(bytes);
    let at = 0;
    for (const part of parts) {
      data.set(part, at);
      at += part.length;
    }
    return { ...first, data };
  });
}

export const outputStreams = {
  stdout: storagev1.OutputStream.STDOUT,
  stderr: storagev1.OutputStream.STDERR,
} as const;
