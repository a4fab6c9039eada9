/**
 * Frames of a migration: a kind and a payload. On a byte stream each is preceded by the length of both, 4 bytes, little-endian. Records of pages are
 * those of a snapshot. Whoever reads frames trusts nothing: one that is too long, or of a kind that is not known, ends the connection before anything is
 * allocated for it.
 *
 *   hello   secret                        1      state  JSON, see state-json.ts          5
 *   pages   records of pages, in pieces   2      file   JSON of a file's entry           6
 *   round   end of a round, answered      3      data   of the last file, in order       7
 *   ack     bytes taken so far (8 bytes)  4      end    bytes of all records, answered   8
 *   pair    a queue pair, answered        9      region bytes of memory, answered        10
 *
 * Pages that go by RDMA are not in frames: `pair` tells of the source's queue pair and is answered with the target's; `region` asks for so much of the
 * target's memory and is answered with its key.
 */
export const frameKinds = { hello: 1, pages: 2, round: 3, ack: 4, state: 5, file: 6, data: 7, end: 8, pair: 9, region: 10 } as const;
export type FrameKind = keyof typeof frameKinds;

export interface Frame {
  readonly kind: FrameKind;
  readonly payload: Uint8Array;
}

/** Of a payload, in bytes: a program's state with its standard input is the largest. */
export const largestPayload = 17 * 1024 * 1024;
const headerBytes = 5;
/** Their payloads are read as they come: they are long, and nobody needs them in one piece. */
const streamed: ReadonlySet<FrameKind> = new Set(['pages']);
const names = new Map<number, FrameKind>(Object.entries(frameKinds).map(([name, number]) => [number, name as FrameKind]));

export class BadFrame extends Error {
  override readonly name = 'BadFrame';
}

/** What goes before a payload of so many bytes. */
export function frameHeader(kind: FrameKind, payloadBytes: number): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  new DataView(bytes.buffer).setUint32(0, payloadBytes + 1, true);
  bytes[4] = frameKinds[kind];
  return bytes;
}

export function encodeFrame({ kind, payload }: Frame): Uint8Array {
  return Buffer.concat([frameHeader(kind, payload.length), payload]);
}

/** Cuts a byte stream, in whatever pieces it comes, into frames; one of pages may become several. */
export class FrameDecoder {
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  /** Bytes that are still to come of a frame which is handed on as it comes. */
  #streaming: { readonly kind: FrameKind; left: number } | undefined;
  readonly #largest: number;

  constructor(largest = largestPayload) {
    this.#largest = largest;
  }

  /** Nothing of a frame is waiting for the rest of it. */
  get empty(): boolean {
    return this.#bytes === 0 && this.#streaming === undefined;
  }

  /** @throws {BadFrame} */
  *push(piece: Uint8Array): Generator<Frame> {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) yield frame;
  }

  #next(): Frame | undefined {
    if (this.#streaming !== undefined) return this.#piece(this.#streaming);
    if (this.#bytes < headerBytes) return undefined;
    const header = this.#begin();
    const length = new DataView(header.buffer, header.byteOffset).getUint32(0, true);
    const kind = names.get(header[4] ?? 0);
    if (kind === undefined || length < 1 || length - 1 > this.#largest)
      throw new BadFrame(`a frame of kind ${String(header[4])} with ${String(length)} bytes is none of this protocol`);
    const total = headerBytes + length - 1;
    if (streamed.has(kind) && length > 1) {
      this.#keep(this.#joined().subarray(headerBytes));
      this.#streaming = { kind, left: length - 1 };
      return this.#piece(this.#streaming);
    }
    if (this.#bytes < total) return undefined;
    const whole = this.#joined();
    this.#keep(whole.subarray(total));
    return { kind, payload: whole.subarray(headerBytes, total) };
  }

  #piece(streaming: { readonly kind: FrameKind; left: number }): Frame | undefined {
    if (this.#bytes === 0) return undefined;
    const all = this.#joined();
    const payload = all.subarray(0, streaming.left);
    streaming.left -= payload.length;
    if (streaming.left === 0) this.#streaming = undefined;
    this.#keep(all.subarray(payload.length));
    return { kind: streaming.kind, payload };
  }

  #keep(rest: Uint8Array): void {
    this.#pieces = rest.length > 0 ? [rest] : [];
    this.#bytes = rest.length;
  }

  /** At least a header. */
  #begin(): Uint8Array {
    const [first] = this.#pieces;
    return first !== undefined && first.length >= headerBytes ? first : this.#joined();
  }

  /** Everything that is there, in one piece. */
  #joined(): Uint8Array {
    const [first] = this.#pieces;
    if (first !== undefined && this.#pieces.length === 1) return first;
    const whole = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [whole];
    return whole;
  }
}

/** A payload that begins with a number of 8 bytes. */
export function withNumber(value: number, rest: Uint8Array = new Uint8Array(0)): Uint8Array {
  const payload = new Uint8Array(8 + rest.length);
  new DataView(payload.buffer).setBigUint64(0, BigInt(value), true);
  payload.set(rest, 8);
  return payload;
}

/** @throws {BadFrame} when there is none, or it is too large to count with */
export function numberOf(payload: Uint8Array): number {
  if (payload.length < 8) throw new BadFrame('a frame is too short for its number');
  const value = new DataView(payload.buffer, payload.byteOffset).getBigUint64(0, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new BadFrame(`${String(value)} is no offset`);
  return Number(value);
}
