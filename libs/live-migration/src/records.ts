/**
 * Pages on their way: records of a head and a body, one after another. The receiver has sent nothing and trusts nothing: a record that is not
 * whole, leads out of memory, or does not become what it says is refused.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { struct, u32, u64 } from '@verbena/binary';
import { applyDelta, encodeDelta } from './delta.ts';
import { BadStream } from './errors.ts';
import { pageBytes, type Cluster } from './pages.ts';

export const pageRecord = struct(
  'page_record',
  {
    kind: u32,
    /** Bytes of the body that follow; 0 for zeroes. */
    length: u32,
    /** Where in guest memory, and how many bytes of it; multiples of a page. */
    offset: u64,
    bytes: u64,
  },
  24,
);

export const recordKind = { zeroes: 1, raw: 2, delta: 3, deflated: 4 } as const;

export interface EncodeOptions {
  /** Pages that changed a little travel as their difference; one that was all zeroes before travels as it is. */
  readonly delta: boolean;
  /** Level of DEFLATE, 1 to 9; 0 for none. */
  readonly compression: number;
}

/** Of one record's memory; a longer one is refused before anything is allocated. */
export const recordLimit = 4 * 1024 * 1024;

const zeroPage = Buffer.alloc(pageBytes);
const isZero = (content: Uint8Array, at: number): boolean => zeroPage.compare(content, at, at + pageBytes) === 0;

/** The records of one cluster, in parts to be put one after another. Pages that travel as they are, are not copied. */
export function encodeCluster({ offset, content, before }: Cluster, options: EncodeOptions): Uint8Array[] {
  if (before === undefined) return plain(offset, content, options.compression);
  const out: Uint8Array[] = [];
  const scratch = new Uint8Array(pageBytes);
  let from = 0;
  const flush = (to: number): void => {
    if (to > from) out.push(...plain(offset + from, content.subarray(from, to), options.compression));
  };
  for (let at = 0; at < content.length; at += pageBytes) {
    const short = isZero(content, at)
      ? zeroes(offset + at)
      : options.delta
        ? difference(offset + at, before, content, at, scratch)
        : undefined;
    if (short === undefined) continue;
    flush(at);
    out.push(short);
    from = at + pageBytes;
  }
  flush(content.length);
  return out;
}

const head = (kind: number, offset: number, bytes: number, length: number): Uint8Array =>
  pageRecord.encode({ kind, length, offset: BigInt(offset), bytes: BigInt(bytes) });

const zeroes = (offset: number): Uint8Array => head(recordKind.zeroes, offset, pageBytes, 0);

function difference(offset: number, before: Uint8Array, content: Uint8Array, at: number, scratch: Uint8Array): Uint8Array | undefined {
  const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.buffer, bytes.byteOffset + at, pageBytes / 4);
  const length = encodeDelta(words(before), words(content), scratch);
  if (length < 0 || length > pageBytes / 2) return undefined;
  return Buffer.concat([head(recordKind.delta, offset, pageBytes, length), scratch.subarray(0, length)]);
}

function plain(offset: number, content: Uint8Array, compression: number): Uint8Array[] {
  if (compression > 0) {
    const deflated = deflateRawSync(content, { level: compression });
    if (deflated.length < content.length) return [head(recordKind.deflated, offset, content.length, deflated.length), deflated];
  }
  return [head(recordKind.raw, offset, content.length, content.length), content];
}

/** @param memory of at least so many bytes from then on, as the receiver's domain gives it */
export type Grow = (bytes: number) => Uint8Array;

interface Body {
  readonly kind: number;
  readonly target: Uint8Array;
  readonly length: number;
  taken: number;
  /** Of a body that has to be whole before it means anything. */
  readonly kept: Uint8Array | undefined;
}

/**
 * Writes what records say as they come, in whatever pieces. Pages that travel as they are go into memory straight from the pieces.
 * @throws BadStream when the stream does not keep to the format; what came before is written then
 */
export class RecordReader {
  readonly #grow: Grow;
  readonly #limitBytes: number;
  readonly #head = new Uint8Array(pageRecord.size);
  #headTaken = 0;
  #body: Body | undefined;
  /** Bytes of guest memory that whole records have written. */
  written = 0;

  /** @param limitBytes of the guest's memory */
  constructor(grow: Grow, limitBytes: number) {
    this.#grow = grow;
    this.#limitBytes = limitBytes;
  }

  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) {
      if (this.#body === undefined) {
        const bytes = piece.subarray(at, at + pageRecord.size - this.#headTaken);
        this.#head.set(bytes, this.#headTaken);
        this.#headTaken += bytes.length;
        at += bytes.length;
        if (this.#headTaken === pageRecord.size) this.#begin();
      } else {
        const bytes = piece.subarray(at, at + this.#body.length - this.#body.taken);
        (this.#body.kept ?? this.#body.target).set(bytes, this.#body.taken);
        this.#body.taken += bytes.length;
        at += bytes.length;
      }
      if (this.#body?.taken === this.#body?.length) this.#finish();
    }
  }

  /** To be called where the last record ends. @throws BadStream in the middle of one */
  end(): void {
    if (this.#body !== undefined) throw new BadStream('a record of pages ends in its body');
    if (this.#headTaken > 0) throw new BadStream('a record of pages ends in its head');
  }

  #begin(): void {
    const { kind, length, ...place } = pageRecord.read(new DataView(this.#head.buffer), 0);
    this.#headTaken = 0;
    const [offset, size] = [Number(place.offset), Number(place.bytes)];
    if (size > recordLimit || size === 0 || size % pageBytes !== 0 || offset % pageBytes !== 0 || offset + size > this.#limitBytes)
      throw new BadStream(`a record of ${String(size)} bytes at ${String(offset)} does not lie in the guest's memory`);
    const most = { [recordKind.zeroes]: 0, [recordKind.raw]: size, [recordKind.delta]: pageBytes, [recordKind.deflated]: size }[kind];
    if (most === undefined) throw new BadStream(`records of the kind ${String(kind)} are not known`);
    if (length > most || (kind === recordKind.raw && length !== size))
      throw new BadStream(`a record of kind ${String(kind)} with ${String(length)} bytes is not of its size`);
    const target = this.#grow(offset + size).subarray(offset, offset + size);
    this.#body = { kind, target, length, taken: 0, kept: kind === recordKind.raw ? undefined : new Uint8Array(length) };
  }

  #finish(): void {
    const body = this.#body;
    if (body === undefined) return;
    this.#body = undefined;
    const { kind, target, kept = target } = body;
    if (kind === recordKind.zeroes) target.fill(0);
    else if (kind === recordKind.delta) {
      if (target.length !== pageBytes) throw new BadStream('a difference is that of one page');
      applyDelta(kept, target);
    } else if (kind === recordKind.deflated) target.set(inflated(kept, target.length));
    this.written += target.length;
  }
}

/**
 * Writes what records say. `bytes` holds whole records.
 * @param limitBytes of the guest's memory
 * @throws BadStream when it does not keep to the format; what came before the bad record is written then
 * @returns bytes of guest memory that were written
 */
export function applyRecords(bytes: Uint8Array, grow: Grow, limitBytes: number): number {
  const reader = new RecordReader(grow, limitBytes);
  reader.push(bytes);
  reader.end();
  return reader.written;
}

function inflated(body: Uint8Array, length: number): Uint8Array {
  try {
    const content = inflateRawSync(body, { maxOutputLength: length });
    if (content.length === length) return content;
  } catch (cause) {
    throw new BadStream('a compressed record does not become what it says', { cause });
  }
  throw new BadStream('a compressed record becomes less than it says');
}
