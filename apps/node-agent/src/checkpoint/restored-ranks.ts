/**
 * Ranks that go on from a checkpoint instead of beginning: memory, files and state come from storage, each rank stands at its safepoint as it did when it was
 * captured, and then makes its connections anew with all others, wherever they are. What comes is checked as if a stranger had written it.
 */
import { mkdir } from 'node:fs/promises';
import type { Domain, ProgramFile, ProgramHandlers, RunningProgram } from '@verbena/hypervisor';
import { BadStream, decodeIndex, restoreRegions, type SnapshotIndex } from '@verbena/live-migration';
import { Refusal } from '../errors.ts';
import { localityOf, type JobStart, type StartFrom } from '../jobs/job-start.ts';
import { decodeEntry, decodeMoving, type FileEntry, type MovingState } from '../migration/moving-state.ts';
import { encodeState } from '../migration/state-json.ts';
import { BadFrame } from '../migration/frames.ts';
import type { SnapshotPort } from './snapshot-port.ts';

const mostIndexPieces = 64;
const mostFileBytes = 2 * 1024 * 1024 * 1024;

/** What a rank is made of again. */
export interface RestorableRank {
  readonly rank: number;
  readonly state: MovingState;
  readonly regions: SnapshotIndex['regions'];
  readonly files: readonly (FileEntry & { readonly chunks: readonly string[] })[];
}

/** @throws {Refusal} when the checkpoint is none, or of another image */
export async function readRank(snapshots: SnapshotPort, from: StartFrom, rank: number, imageDigest: string): Promise<RestorableRank> {
  const digests = await snapshots.part(from.checkpointId, rank);
  if (digests.length > mostIndexPieces) throw unusable(from, rank, `its index has ${String(digests.length)} pieces`);
  const pieces: Uint8Array[] = [];
  for (const digest of digests) pieces.push(await snapshots.chunk(digest));
  try {
    const { fields, regions, files } = decodeIndex(Buffer.concat(pieces));
    const state = decodeMoving(encodeState(fields), { imageDigest, jobId: from.jobId, rank });
    const checked = files.map(({ chunks, ...entry }) => ({ ...decodeEntry(encodeState(entry)), chunks }));
    if (checked.reduce((sum, { size }) => sum + size, 0) > mostFileBytes) throw new BadStream('its files are too large');
    return { rank, state, regions, files: checked };
  } catch (error) {
    if (error instanceof BadStream || error instanceof BadFrame) throw unusable(from, rank, error.message, error);
    throw error;
  }
}

export interface RestoreOptions {
  readonly start: JobStart;
  readonly from: StartFrom;
  readonly nodeId: string;
  readonly nodeName: string;
  readonly domain: Domain;
  readonly scratchDir: string;
  readonly handlers: ProgramHandlers;
  readonly snapshots: SnapshotPort;
}

/** @throws {Refusal} when it does not fit this VM; the domain is idle then */
export async function restoreRank({ rank, state, regions, files }: RestorableRank, options: RestoreOptions): Promise<RunningProgram> {
  const { start, from, nodeId, nodeName, domain, scratchDir, handlers, snapshots } = options;
  const { program, atSafepoint } = state;
  const { memoryBytes, size } = program;
  if (size !== start.nodesByRank.length)
    throw unusable(from, rank, `it is one of ${String(size)} ranks, the job has ${String(start.nodesByRank.length)}`);
  if (memoryBytes > domain.config.memoryBytes)
    throw unusable(from, rank, `it has ${String(memoryBytes)} bytes of memory, more than its VM`);
  const memory = domain.incoming(memoryBytes);
  try {
    await restoreRegions(
      regions,
      (digest) => snapshots.chunk(digest),
      () => memory,
      memoryBytes,
    );
  } catch (error) {
    if (error instanceof BadStream) throw unusable(from, rank, error.message, error);
    throw error;
  }
  await mkdir(scratchDir, { recursive: true });
  const running = await domain.restore(
    { ...localityOf(start.nodesByRank, nodeId), nodeName, scratchDir, files: filesOf(files, snapshots), handlers },
    // Of the job that it goes on as; all else it knows itself.
    { ...program, jobId: start.jobId, pkey: start.pkey },
  );
  if (atSafepoint) running.release(from.epoch, 'new-adapter');
  return running;
}

async function* filesOf(files: RestorableRank['files'], snapshots: SnapshotPort): AsyncGenerator<ProgramFile> {
  for (const { chunks, ...entry } of files)
    yield await Promise.resolve({
      ...entry,
      async *content() {
        for (const digest of chunks) yield await snapshots.chunk(digest);
      },
    });
}

function unusable({ checkpointId }: StartFrom, rank: number, why: string, cause?: unknown): Refusal {
  return new Refusal('invalid', `rank ${String(rank)} cannot go on from checkpoint ${checkpointId}: ${why}`, { cause });
}
