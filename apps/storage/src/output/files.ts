/**
 * The files that a job's ranks leave behind. Their bytes are chunks; that they exist is an event of the stream "output-<job>", so the log alone
 * says which files there are. A file that is put again under the same name replaces the one before.
 */
import { createHash } from 'node:crypto';
import type { ChunkStore } from '@verbena/chunk-store';
import type { EventMetadata, EventStore, RecordedEvent } from '@verbena/event-sourcing';
import { jobId } from '@verbena/ids';
import { parsed, StorageError } from '../errors.ts';

export interface KeptFile {
  readonly rank: number;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly chunks: readonly string[];
  /** Which start of the job left it, from 1. */
  readonly attempt: number;
}
export type DatedFile = KeptFile & { readonly createdAt: Date };

export const fileKept = 'OutputFileKept';
export const outputSealed = 'OutputSealed';
export const maximumRank = 65_535;
const maximumPath = 1_024;
const maximumChunks = 65_536;
const maximumFiles = 10_000;

export const outputStream = (job: string): string => `output-${job}`;

/** Keeps a file whose chunks are here. @throws {StorageError} invalid, not-found, too-much */
export async function putFile(store: EventStore, chunks: ChunkStore, job: string, file: KeptFile, metadata: EventMetadata): Promise<void> {
  parsed(jobId, job);
  checkRank(file.rank);
  checkPath(file.path);
  if (file.chunks.length > maximumChunks)
    throw new StorageError('invalid', `${file.path} has ${file.chunks.length} chunks, at most ${maximumChunks}`);
  const missing = chunks.missing(file.chunks);
  if (missing.length > 0)
    throw new StorageError('not-found', `${missing.length} chunks of ${file.path} are not here, ${missing[0]} for one: put them first`);
  const size = file.chunks.reduce((sum, digest) => sum + (chunks.sizeOf(digest) ?? 0), 0);
  if (size !== file.size) throw new StorageError('invalid', `${file.path} has ${file.size} bytes, and its chunks have ${size}`);
  const known = await filesOf(store, job);
  if (known.length >= maximumFiles && !known.some((other) => isSame(other, file))) {
    throw new StorageError('too-much', `${job} has kept ${known.length} files, and no more are taken`);
  }
  const event = { type: fileKept, data: { rank: file.rank, path: file.path, size: file.size, chunks: file.chunks, attempt: file.attempt } };
  await store.append([{ stream: outputStream(job), expectedVersion: 'any', events: [event] }], {
    metadata,
    commandId: commandOf(job, file),
  });
}

/** The files of a job's last attempt that has left any, by rank and path. */
export async function filesOf(store: EventStore, job: string): Promise<readonly DatedFile[]> {
  parsed(jobId, job);
  const files = new Map<string, DatedFile>();
  let last = 1;
  for (const recorded of await store.readStream(outputStream(job))) {
    const file = decode(recorded);
    if (file === undefined || file.attempt < last) continue;
    if (file.attempt > last) files.clear();
    last = file.attempt;
    files.set(`${file.rank}/${file.path}`, file);
  }
  return [...files.values()].sort((a, b) => a.rank - b.rank || (a.path < b.path ? -1 : 1));
}

/** @throws {StorageError} not-found */
export async function findFile(store: EventStore, job: string, rank: number, path: string): Promise<DatedFile> {
  const found = (await filesOf(store, job)).find((file) => isSame(file, { rank, path }));
  if (found === undefined) throw new StorageError('not-found', `rank ${rank} of ${job} has left no file ${JSON.stringify(path)}`);
  return found;
}

function decode({ event, time }: RecordedEvent): DatedFile | undefined {
  return event.type === fileKept
    ? { attempt: 1, ...(event.data as Omit<KeptFile, 'attempt'> & { attempt?: number }), createdAt: time }
    : undefined;
}

function isSame(a: { rank: number; path: string }, b: { rank: number; path: string }): boolean {
  return a.rank === b.rank && a.path === b.path;
}

/** The same file put twice is one command; other bytes under its name are another. */
function commandOf(job: string, { rank, path, chunks, attempt }: KeptFile): string {
  const hash = createHash('sha256')
    .update(JSON.stringify(attempt === 1 ? [rank, path, chunks] : [rank, path, chunks, attempt]))
    .digest('hex');
  return `put-file/${job}/${hash}`;
}

export function checkRank(rank: number): void {
  if (rank > maximumRank) throw new StorageError('invalid', `there is no rank ${rank}: the largest is ${maximumRank}`);
}

/** A path stays below the directory that somebody may write the files to: relative, of plain names, without control characters. */
export function checkPath(path: string): void {
  const wrong = (why: string): StorageError => new StorageError('invalid', `the path ${JSON.stringify(path.slice(0, 80))} ${why}`);
  if (path === '') throw wrong('is empty');
  if (Buffer.byteLength(path) > maximumPath) throw wrong(`is longer than ${maximumPath} bytes`);
  if (path.startsWith('/')) throw wrong('is not relative');
  if (/[\u0000-\u001f\u007f\\]/.test(path)) throw wrong('has a backslash or a control character');
  if (/^[A-Za-z]:/.test(path)) throw wrong('names a drive');
  if (path.split('/').some((name) => name === '' || name === '.' || name === '..')) throw wrong('has a part that is empty, "." or ".."');
}
