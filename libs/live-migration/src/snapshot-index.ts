/**
 * A snapshot in chunks (docs/formats/snapshot.md, kind 2): the index says what the program knows, which chunks its memory is made of, and which its files.
 * It is small, and held as a whole.
 */
import { createHash } from 'node:crypto';
import { BadStream } from './errors.ts';
import type { RegionLists } from './captured-memory.ts';
import { regionBytes, longestList } from './captured-memory.ts';
import { decodeFields, encodeFields } from './fields.ts';
import { frameHead, frameKind, frameLimit, snapshotHead, snapshotMagic, snapshotVersion } from './snapshot.ts';

const kindIndex = 2;
const digestBytes = 32;
const digestPattern = /^sha256:[0-9a-f]{64}$/;

export interface IndexedFile {
  readonly place: string;
  readonly path: readonly string[];
  readonly kind: string;
  readonly size: number;
  readonly modifiedMs: number;
  /** Digests of its content, 1 MiB each and the rest. */
  readonly chunks: readonly string[];
}

export interface SnapshotIndex {
  /** All that is neither memory nor files, by name. */
  readonly fields: unknown;
  readonly regions: RegionLists;
  readonly files: readonly IndexedFile[];
}

export function encodeIndex({ fields, regions, files }: SnapshotIndex): Uint8Array {
  const head = snapshotHead.encode({ magic: snapshotMagic, version: snapshotVersion, kind: kindIndex });
  const lists = regions.map((list) => list.length);
  const digests = Buffer.concat(regions.flat().map((digest) => Buffer.from(digest.slice('sha256:'.length), 'hex')));
  const payload = encodeFields({ fields, regionBytes, lists, digests: new Uint8Array(digests), files });
  const body = Buffer.concat([head, frameHead.encode({ kind: frameKind.fields, length: payload.length }), payload]);
  return Buffer.concat([body, frameHead.encode({ kind: frameKind.end, length: digestBytes }), createHash('sha256').update(body).digest()]);
}

/** @throws BadStream that says what is wrong with it */
export function decodeIndex(bytes: Uint8Array): SnapshotIndex {
  const headEnd = snapshotHead.size + frameHead.size;
  if (bytes.length < headEnd) throw new BadStream('the index of a snapshot is cut off');
  const { magic, version, kind } = snapshotHead.decode(bytes.subarray(0, snapshotHead.size));
  if (Buffer.compare(magic, snapshotMagic) !== 0) throw new BadStream('this is no snapshot');
  if (version !== snapshotVersion)
    throw new BadStream(`this snapshot has the version ${String(version)}: this program reads version ${String(snapshotVersion)}`);
  if (kind !== kindIndex) throw new BadStream(`this snapshot is of the kind ${String(kind)}, not an index`);
  const fields = frameHead.decode(bytes.subarray(snapshotHead.size, headEnd));
  if (fields.kind !== frameKind.fields || fields.length > frameLimit) throw new BadStream('an index begins with its fields');
  const bodyEnd = headEnd + fields.length;
  if (bytes.length !== bodyEnd + frameHead.size + digestBytes) throw new BadStream('the index of a snapshot is not as long as it says');
  const end = frameHead.decode(bytes.subarray(bodyEnd, bodyEnd + frameHead.size));
  if (end.kind !== frameKind.end || end.length !== digestBytes) throw new BadStream('the index of a snapshot has no end');
  const digest = createHash('sha256').update(bytes.subarray(0, bodyEnd)).digest();
  if (Buffer.compare(digest, bytes.subarray(bodyEnd + frameHead.size)) !== 0)
    throw new BadStream('the digest of the snapshot is another: it was changed or damaged');
  return shaped(decodeFields(bytes.subarray(headEnd, bodyEnd)));
}

/** Everything that it names: digests of chunks, each once. */
export function chunksOf({ regions, files }: SnapshotIndex): readonly string[] {
  return [...new Set([...regions.flat(), ...files.flatMap(({ chunks }) => chunks)])];
}

function shaped(value: unknown): SnapshotIndex {
  const { fields, lists, digests, files, regionBytes: unit } = (value ?? {}) as Record<string, unknown>;
  if (unit !== regionBytes) throw new BadStream(`the regions of the snapshot have ${String(unit)} bytes, not ${String(regionBytes)}`);
  if (!Array.isArray(lists) || !(digests instanceof Uint8Array) || digests.length % digestBytes !== 0)
    throw new BadStream('the index of a snapshot has no regions');
  let at = 0;
  const regions = lists.map((length: unknown) => {
    if (typeof length !== 'number' || !Number.isInteger(length) || length < 0 || length > longestList)
      throw new BadStream('a region of the snapshot has an impossible number of chunks');
    const list = Array.from({ length }, (_, index) => hexOf(digests, at + index));
    at += length;
    return list;
  });
  if (at * digestBytes !== digests.length) throw new BadStream('the regions of the snapshot have more chunks than they name');
  if (!Array.isArray(files)) throw new BadStream('the index of a snapshot has no files');
  return { fields, regions, files: files.map(fileOf) };
}

function hexOf(digests: Uint8Array, index: number): string {
  const bytes = digests.subarray(index * digestBytes, (index + 1) * digestBytes);
  if (bytes.length !== digestBytes) throw new BadStream('the regions of the snapshot name more chunks than there are');
  return `sha256:${Buffer.from(bytes).toString('hex')}`;
}

function fileOf(value: unknown): IndexedFile {
  const { place, path, kind, size, modifiedMs, chunks } = (value ?? {}) as Record<string, unknown>;
  const named = typeof place === 'string' && typeof kind === 'string' && isTexts(path);
  if (!named || typeof size !== 'number' || typeof modifiedMs !== 'number') throw new BadStream('a file of the snapshot is not described');
  if (!isTexts(chunks) || !chunks.every((digest) => digestPattern.test(digest)))
    throw new BadStream('a file of the snapshot names a chunk that is no digest');
  return { place, path, kind, size, modifiedMs, chunks };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}
