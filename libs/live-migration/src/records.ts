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

/** The records of one cluster. What they refer to is copied. */
export function encodeCluster(cluster: Cluster, options: EncodeOptions): Uint8Array[] {
  const out: Uint8Array[] = [];
  const scratch = new Uint8Array(pageBytes);
  const { offset, content, before } = cluster;
  let from = 0;
  const flush = (to: number): void => {
    if (to > from) out.push(plain(offset + from, content.subarray(from, to), options.compression));
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

const record = (kind: number, offset: number, bytes: number, body: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(pageRecord.size + body.length);
  whole.set(pageRecord.encode({ kind, length: body.length, offset: BigInt(offset), bytes: BigInt(bytes) }));
  whole.set(body, pageRecord.size);
  return whole;
};

const zeroes = (offset: number): Uint8Array => record(recordKind.zeroes, offset, pageBytes, new Uint8Array());

function difference(offset: number, before: Uint8Array, content: Uint8Array, at: number, scratch: Uint8Array): Uint8Array | undefined {
  const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.buffer, bytes.byteOffset + at, pageBytes / 4);
  const length = encodeDelta(words(before), words(content), scratch);
  return length < 0 || length > pageBytes / 2 ? undefined : record(recordKind.delta, offset, pageBytes, scratch.subarray(0, length));
}

function plain(offset: number, content: Uint8Array, compression: number): Uint8Array {
  if (compression > 0) {
    const deflated = deflateRawSync(content, { level: compression });
    if (deflated.length < content.length) return record(recordKind.deflated, offset, content.length, deflated);
  }
  return record(recordKind.raw, offset, content.length, content);
}

/** @param memory of at least so many bytes from then on, as the receiver's domain gives it */
export type Grow = (bytes: number) => Uint8Array;

/**
 * Writes what records say. `bytes` holds whole records.
 * @param limitBytes of the guest's memory
 * @throws BadStream when it does not keep to the format; what came before the bad record is written then
 * @returns bytes of guest memory that were written
 */
export function applyRecords(bytes: Uint8Array, grow: Grow, limitBytes: number): number {
  let written = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    if (at + pageRecord.size > bytes.length) throw new BadStream('a record of pages ends in its head');
    const head = pageRecord.read(view, at);
    const [offset, size] = [Number(head.offset), Number(head.bytes)];
    at += pageRecord.size;
    if (size > recordLimit || size === 0 || size % pageBytes !== 0 || offset % pageBytes !== 0 || offset + size > limitBytes)
      throw new BadStream(`a record of ${String(size)} bytes at ${String(offset)} does not lie in the guest's memory`);
    if (head.length > bytes.length - at) throw new BadStream('a record of pages ends in its body');
    applyRecord(head.kind, bytes.subarray(at, at + head.length), grow(offset + size).subarray(offset, offset + size));
    at += head.length;
    written += size;
  }
  return written;
}

function applyRecord(kind: number, body: Uint8Array, target: Uint8Array): void {
  const expect = (length: number): void => {
    if (body.length !== length)
      throw new BadStream(`a record of kind ${String(kind)} with ${String(body.length)} bytes is not of its size`);
  };
  if (kind === recordKind.zeroes) {
    expect(0);
    target.fill(0);
  } else if (kind === recordKind.raw) {
    expect(target.length);
    target.set(body);
  } else if (kind === recordKind.delta) {
    if (target.length !== pageBytes) throw new BadStream('a difference is that of one page');
    applyDelta(body, target);
  } else if (kind === recordKind.deflated) target.set(inflated(body, target.length));
  else throw new BadStream(`records of the kind ${String(kind)} are not known`);
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
