/**
 * The two ends of a body that crosses the bus in several frames. The receiver says how many frames the sender may have sent in all, so that a
 * repeated or late credit does no harm; the sender numbers its frames, so that a lost one is noticed.
 */
import { Code, ConnectError } from '@connectrpc/connect';
import { FrameError, type Frame } from './frame.ts';

export interface ReceiverOptions {
  readonly window: number;
  /** Gives the sender credit up to a sequence number. */
  readonly grant: (limit: number) => void;
  /** Called when the reader leaves before the end. */
  readonly left: (reason: unknown) => void;
}

export class Receiver implements AsyncIterable<Uint8Array> {
  readonly #options: ReceiverOptions;
  readonly #pieces: Uint8Array[] = [];
  #expected = 0;
  #taken = 0;
  #limit: number;
  #ended = false;
  #error: ConnectError | undefined;
  #wake: (() => void) | undefined;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#limit = options.window;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Takes a frame. @throws {FrameError} when it is not the next one, or more than was allowed. */
  push({ sequence, body, end }: Frame): void {
    if (this.#ended || this.#error !== undefined) return;
    if (sequence !== this.#expected) throw new FrameError(`frame ${sequence} of a body came when ${this.#expected} was due`);
    // The end carries no bytes of its own unless there is credit for them, and needs none.
    if (sequence >= this.#limit && !(end && body.length === 0)) throw new FrameError(`frame ${sequence} of a body came without credit`);
    this.#expected++;
    if (body.length > 0) this.#pieces.push(body);
    else this.#taken++;
    this.#ended = end;
    this.#wake?.();
  }

  fail(error: ConnectError): void {
    if (this.#ended) return;
    this.#error ??= error;
    this.#wake?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const leave = (reason: unknown): void => {
      this.#error ??= new ConnectError('the reader left the stream', Code.Canceled);
      this.#pieces.length = 0;
      if (!this.#ended) this.#options.left(reason);
      this.#wake?.();
    };
    return {
      next: () => this.#next(),
      return: () => {
        leave(undefined);
        return Promise.resolve({ done: true, value: undefined });
      },
      // Connect's client asks for throw: it propagates errors of its own decoding to the sender.
      throw: (reason: unknown) => {
        leave(reason);
        return Promise.reject(reason as Error);
      },
    };
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        this.#taken++;
        this.#grant();
        return { done: false, value: piece };
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }

  #grant(): void {
    if (this.#ended || this.#limit - this.#taken > this.#options.window / 2) return;
    this.#limit = this.#taken + this.#options.window;
    this.#options.grant(this.#limit);
  }
}

export interface SenderOptions {
  readonly pieceBytes: number;
  readonly idleCreditMs: number;
  send(sequence: number, piece: Uint8Array | undefined, end: boolean): void;
}

export class Sender {
  readonly #options: SenderOptions;
  #sequence: number;
  #limit: number;
  #error: ConnectError | undefined;
  #wake: (() => void) | undefined;

  /** Continues after `sent` frames, with credit up to `limit`. */
  constructor(options: SenderOptions, sent: number, limit: number) {
    this.#options = options;
    this.#sequence = sent;
    this.#limit = limit;
  }

  credit(limit: number): void {
    if (limit <= this.#limit) return;
    this.#limit = limit;
    this.#wake?.();
  }

  fail(error: ConnectError): void {
    this.#error ??= error;
    this.#wake?.();
  }

  /** Sends a body, and its end. Rejects when the receiver takes nothing for too long, or when the call fails. */
  async sendAll(first: Uint8Array | undefined, body: AsyncIterator<Uint8Array> | undefined): Promise<void> {
    if (first !== undefined) await this.#write(first);
    else if (body !== undefined) await this.#pump(body);
    if (this.#error !== undefined) throw this.#error;
    this.#options.send(this.#sequence++, undefined, true);
  }

  async #pump(body: AsyncIterator<Uint8Array>): Promise<void> {
    try {
      for (let step = await body.next(); step.done !== true; step = await body.next()) await this.#write(step.value);
    } catch (error) {
      await body.return?.();
      throw error;
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { pieceBytes } = this.#options;
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      if (this.#sequence >= this.#limit) await this.#credited();
      if (this.#error !== undefined) throw this.#error;
      this.#options.send(this.#sequence++, bytes.subarray(at, at + pieceBytes), false);
    }
  }

  async #credited(): Promise<void> {
    const { idleCreditMs } = this.#options;
    const late = setTimeout(() => this.fail(tookNothing(idleCreditMs)), idleCreditMs);
    try {
      while (this.#sequence >= this.#limit && this.#error === undefined) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
    } finally {
      clearTimeout(late);
    }
  }
}

function tookNothing(ms: number): ConnectError {
  return new ConnectError(`the other side took nothing of a body for ${ms / 1_000} s, so the call was given up`, Code.ResourceExhausted);
}

/** All of a body, which may have so many bytes. @throws {ConnectError} RESOURCE_EXHAUSTED */
export async function gather(body: AsyncIterator<Uint8Array>, most: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let step = await body.next(); step.done !== true; step = await body.next()) {
    length += step.value.length;
    if (length > most) {
      await body.return?.();
      throw new ConnectError(`a message may have ${most} bytes on the bus, this one has more`, Code.ResourceExhausted);
    }
    pieces.push(step.value);
  }
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
}
