/**
 * The console: standard output and standard error of a guest, through a ring in shared memory with one writer (the vCPU's thread) and one
 * reader (the main thread). A record is a header word (length, and the stream in the top bit) and its bytes, padded to 4; records of both
 * streams keep their order. The writer sleeps when the ring is full and the reader takes a bounded amount at a time, so a guest that writes
 * without end holds no more host memory than twice the ring.
 *
 * `head` and `tail` count bytes from 0 and wrap at 2^32; head is stored after the record, so that what the reader sees is whole even if the
 * writer's thread was stopped in the middle of a record.
 */
import type { ProgramHandlers } from '../port.ts';

export type ConsoleStream = 'stdout' | 'stderr';

const HEAD = 0;
const TAIL = 1;
/** Changes whenever there is space again, or the writer must look up for another reason. */
const SPACE = 2;
const headerBytes = 64;
const stderrBit = 0x8000_0000;
/** Long writes become several records, so that the reader can start on the first. */
const recordLimit = 16 * 1024;

const padded = (length: number): number => (length + 3) & ~3;

export function createConsoleRing(capacity = 256 * 1024): SharedArrayBuffer {
  if (capacity < 4096 || (capacity & (capacity - 1)) !== 0)
    throw new RangeError(`a console ring of ${String(capacity)} bytes: use a power of two from 4096`);
  return new SharedArrayBuffer(headerBytes + capacity);
}

class Ring {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly data: Uint8Array<SharedArrayBuffer>;
  readonly headers: Uint32Array<SharedArrayBuffer>;
  readonly capacity: number;

  constructor(shared: SharedArrayBuffer) {
    this.words = new Int32Array(shared, 0, 16);
    this.data = new Uint8Array(shared, headerBytes);
    this.headers = new Uint32Array(shared, headerBytes);
    this.capacity = this.data.length;
  }

  get used(): number {
    return (Atomics.load(this.words, HEAD) - Atomics.load(this.words, TAIL)) >>> 0;
  }
}

export class ConsoleWriter {
  readonly #ring: Ring;
  readonly #whileFull: (wait: () => void) => void;

  /** @param whileFull runs one wait for space; it may throw to give up, e.g. because the program is being killed */
  constructor(shared: SharedArrayBuffer, whileFull: (wait: () => void) => void = (wait) => wait()) {
    this.#ring = new Ring(shared);
    this.#whileFull = whileFull;
  }

  /** Writes all of `data`, sleeping for as long as the ring is full. */
  write(stream: ConsoleStream, data: Uint8Array): void {
    for (let from = 0; from < data.length; from += recordLimit) this.#record(stream, data.subarray(from, from + recordLimit));
  }

  #record(stream: ConsoleStream, data: Uint8Array): void {
    const { words, headers, capacity } = this.#ring;
    const needed = 4 + padded(data.length);
    for (;;) {
      const space = Atomics.load(words, SPACE);
      if (capacity - this.#ring.used >= needed) break;
      this.#whileFull(() => void Atomics.wait(words, SPACE, space));
    }
    const head = Atomics.load(words, HEAD) >>> 0;
    headers[(head % capacity) >> 2] = data.length + (stream === 'stderr' ? stderrBit : 0);
    const at = (head + 4) % capacity;
    const first = Math.min(data.length, capacity - at);
    this.#ring.data.set(data.subarray(0, first), at);
    if (first < data.length) this.#ring.data.set(data.subarray(first), 0);
    Atomics.store(words, HEAD, (head + needed) | 0);
    Atomics.notify(words, HEAD);
  }
}

export class ConsoleReader {
  readonly #ring: Ring;
  readonly #output: ProgramHandlers['output'];
  #stopped = false;
  readonly #done: Promise<void>;
  #failure: unknown;

  constructor(shared: SharedArrayBuffer, output: ProgramHandlers['output']) {
    this.#ring = new Ring(shared);
    this.#output = output;
    this.#done = this.#drain();
  }

  /** What the output handler threw, if it did; output after that was dropped. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Makes a writer that sleeps look up. */
  wakeWriter(): void {
    Atomics.add(this.#ring.words, SPACE, 1);
    Atomics.notify(this.#ring.words, SPACE);
  }

  /** When the writer writes no more: delivers what is left, then resolves. */
  async finish(): Promise<void> {
    this.#stopped = true;
    Atomics.notify(this.#ring.words, HEAD);
    await this.#done;
  }

  async #drain(): Promise<void> {
    const { words } = this.#ring;
    for (;;) {
      const seen = Atomics.load(words, HEAD);
      for (const { stream, data } of this.#take()) await this.#deliver(stream, data);
      if (Atomics.load(words, HEAD) !== seen) continue;
      if (this.#stopped) return;
      const waiting = Atomics.waitAsync(words, HEAD, seen);
      if (waiting.async) await waiting.value;
    }
  }

  async #deliver(stream: ConsoleStream, data: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      await this.#output(stream, data);
    } catch (error) {
      this.#failure = error ?? new Error('the output handler failed');
    }
  }

  /** Takes all that is in the ring, joining neighbours of one stream. */
  #take(): { stream: ConsoleStream; data: Uint8Array }[] {
    const { words, headers, data, capacity } = this.#ring;
    const pieces: { stream: ConsoleStream; parts: Uint8Array[] }[] = [];
    const head = Atomics.load(words, HEAD) >>> 0;
    let tail = Atomics.load(words, TAIL) >>> 0;
    while (tail !== head) {
      const header = headers[(tail % capacity) >> 2] ?? 0;
      const stream = header >= stderrBit ? 'stderr' : 'stdout';
      const length = header % stderrBit;
      const at = (tail + 4) % capacity;
      const first = Math.min(length, capacity - at);
      const piece = new Uint8Array(length);
      piece.set(data.subarray(at, at + first));
      piece.set(data.subarray(0, length - first), first);
      const last = pieces.at(-1);
      if (last?.stream === stream) last.parts.push(piece);
      else pieces.push({ stream, parts: [piece] });
      tail = (tail + 4 + padded(length)) >>> 0;
    }
    Atomics.store(words, TAIL, tail | 0);
    this.wakeWriter();
    return pieces.map(({ stream, parts }) => ({
      stream,
      data: parts.length === 1 && parts[0] !== undefined ? parts[0] : new Uint8Array(Buffer.concat(parts)),
    }));
  }
}
