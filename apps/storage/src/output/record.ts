/**
 * The format of an output log: records one after another, in the order in which storage received them, each a header of 32 bytes (little-endian)
 * and its data. A record of stream 0 without data is a mark: with an attempt, that its output begins; without, the seal, after which there is none.
 *
 *   offset  size  field
 *        0     4  magic     "VBOL"
 *        4     4  crc       CRC-32 of bytes 8 to the record's end
 *        8     4  rank
 *       12     4  stream    0 mark, 1 standard output, 2 standard error; 3 and 4 are the same, copied from before a checkpoint
 *       16     8  offset    of the data's first byte in its rank's stream
 *       24     4  length    of the data
 *       28     4  attempt   of the job that wrote it; 0 with data, as older versions wrote it, means the first
 */
import { crc32 } from 'node:zlib';

export interface OutputRecord {
  readonly rank: number;
  readonly stream: number;
  /** Which start of the job wrote it, from 1; 0 for the seal. */
  readonly attempt: number;
  readonly offset: bigint;
  readonly data: Uint8Array;
  /** It was written before the checkpoint from which this attempt goes on. */
  readonly copied?: boolean;
}

export interface RecordHeader {
  readonly rank: number;
  readonly stream: number;
  readonly attempt: number;
  readonly offset: bigint;
  readonly length: number;
  readonly copied: boolean;
  readonly crc: number;
}

export const headerBytes = 32;
export const markStream = 0;
/** Added to the stream of what was copied. */
const copies = 2;
/** Most data in one record. */
export const maximumData = 1 << 20;
/** Without an attempt, the seal. */
export function mark(attempt = 0): OutputRecord {
  return { rank: 0, stream: markStream, attempt, offset: 0n, data: new Uint8Array() };
}
/** "VBOL" read as a little-endian number. */
const magic = 0x4c4f4256;
const at = { magic: 0, crc: 4, rank: 8, stream: 12, offset: 16, length: 24, attempt: 28 } as const;

export function encodeRecord({ rank, stream, attempt, offset, data, copied = false }: OutputRecord): Uint8Array {
  const bytes = new Uint8Array(headerBytes + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(at.magic, magic, true);
  view.setUint32(at.rank, rank, true);
  view.setUint32(at.stream, stream + (copied ? copies : 0), true);
  view.setBigUint64(at.offset, offset, true);
  view.setUint32(at.length, data.length, true);
  view.setUint32(at.attempt, attempt, true);
  bytes.set(data, headerBytes);
  view.setUint32(at.crc, crc32(bytes.subarray(at.rank)), true);
  return bytes;
}

/** The header at the beginning of some bytes; undefined when they hold none, as a torn write leaves them. */
export function decodeHeader(bytes: Uint8Array): RecordHeader | undefined {
  if (bytes.length < headerBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const length = view.getUint32(at.length, true);
  const written = view.getUint32(at.stream, true);
  const copied = written > copies;
  const stream = copied ? written - copies : written;
  if (view.getUint32(at.magic, true) !== magic) return undefined;
  if (length > maximumData || stream > 2 || (stream === markStream) !== (length === 0)) return undefined;
  const [rank, offset, crc] = [view.getUint32(at.rank, true), view.getBigUint64(at.offset, true), view.getUint32(at.crc, true)];
  const attempt = view.getUint32(at.attempt, true) || (stream === markStream ? 0 : 1);
  return { rank, stream, attempt, offset, length, copied, crc };
}

/** Whether a whole record is what was written. */
export function isIntact(record: Uint8Array): boolean {
  return decodeHeader(record)?.crc === crc32(record.subarray(at.rank));
}
