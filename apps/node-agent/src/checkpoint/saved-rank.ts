/**
 * One rank over all checkpoints of its run here. While it stands it is captured, which copies only what has changed since the last time; what was captured
 * is stored while it runs. Which checkpoint is whole is decided elsewhere: whoever asks for the next one says on which it builds.
 */
import type { RunningProgram } from '@verbena/hypervisor';
import { sha256 } from '@verbena/guest-image';
import { CapturedMemory, chunksOf, encodeIndex, type RegionLists } from '@verbena/live-migration';
import type { MovingState } from '../migration/moving-state.ts';
import type { SnapshotPort } from './snapshot-port.ts';
import { Spool } from './spool.ts';

export interface Saved {
  readonly bytes: number;
  readonly newBytes: number;
  readonly changedPages: number;
}

interface Captured {
  readonly state: MovingState;
  readonly spool: Spool;
}

const indexChunkBytes = 1 << 20;

export class SavedRank {
  readonly #memory = new CapturedMemory();
  #captured: Captured | undefined;
  /** What the memory's lists say, and what they will say when the next checkpoint builds on this one. */
  #base = '';
  #candidate: { readonly id: string; readonly lists: RegionLists } | undefined;

  /**
   * Captures the program, which stands at its safepoint, and does so again when this resolves; one without channels runs on.
   * @param base the checkpoint that the next one builds on; one that is not known here makes it a full one
   * @throws SuspendError, and the program goes on
   */
  async capture(program: RunningProgram, own: () => Omit<MovingState, 'program'>, base: string, spoolDir: string): Promise<void> {
    await this.drop();
    this.#buildOn(base);
    const suspended = await program.suspend();
    const spool = new Spool(spoolDir);
    try {
      const state = { program: suspended.state, ...own() };
      await this.#memory.capture(suspended.memory);
      await spool.take(suspended.files());
      this.#captured = { state, spool };
    } catch (error) {
      await spool.remove();
      throw error;
    } finally {
      await suspended.resume();
    }
  }

  /** How much output the program had written when it was captured. */
  get output(): MovingState['output'] | undefined {
    return this.#captured?.state.output;
  }

  /** Brings what was captured to storage. Again sends what is still missing. */
  async store(checkpointId: string, rank: number, snapshots: SnapshotPort): Promise<Saved> {
    const captured = this.#captured;
    if (captured === undefined) throw new Error(`rank ${String(rank)} was not captured for ${checkpointId}`);
    const stored = await this.#store(checkpointId, rank, snapshots, captured);
    if (stored !== undefined) return stored;
    // Storage has lost a chunk of an earlier checkpoint: this one can do without.
    this.#memory.forgetStored();
    const whole = await this.#store(checkpointId, rank, snapshots, captured);
    if (whole === undefined) throw new Error(`storage wants chunks of ${checkpointId} that it was not told of`);
    return whole;
  }

  /** Lets go of what was captured, and keeps what the next checkpoint can build on. */
  async drop(): Promise<void> {
    const spool = this.#captured?.spool;
    this.#captured = undefined;
    await spool?.remove();
  }

  #buildOn(base: string): void {
    const candidate = this.#candidate;
    this.#candidate = undefined;
    if (candidate !== undefined && candidate.id === base) {
      this.#memory.stored(candidate.lists);
      this.#base = base;
    } else if (base === '' || base !== this.#base) {
      this.#memory.forgetStored();
      this.#base = base;
    }
  }

  /** Undefined when storage lacks something that only an earlier checkpoint had. */
  async #store(id: string, rank: number, snapshots: SnapshotPort, { state, spool }: Captured): Promise<Saved | undefined> {
    const { lists, fresh, changedPages } = this.#memory.increment();
    const snapshot = { fields: state, regions: lists, files: await spool.indexed() };
    const pieces = piecesOf(encodeIndex(snapshot));
    const index = new Map(pieces);
    const digests = pieces.map(([digest]) => digest);
    const missing = await snapshots.begin(id, rank, digests, chunksOf(snapshot));
    const make = (digest: string): Uint8Array | Promise<Uint8Array> | undefined =>
      index.get(digest) ?? fresh.get(digest)?.() ?? (spool.has(digest) ? spool.chunk(digest) : undefined);
    let newBytes = 0;
    for (const digest of missing) {
      const data = await make(digest);
      if (data === undefined) return undefined;
      await snapshots.put(digest, data);
      newBytes += data.length;
    }
    this.#candidate = { id, lists };
    const indexBytes = pieces.reduce((sum, [, { length }]) => sum + length, 0);
    return { bytes: this.#memory.usedBytes() + spool.bytes + indexBytes, newBytes, changedPages };
  }
}

/** With their digests, in order. */
function piecesOf(bytes: Uint8Array): readonly (readonly [string, Uint8Array])[] {
  return Array.from({ length: Math.ceil(bytes.length / indexChunkBytes) }, (_, piece) => {
    const content = bytes.subarray(piece * indexChunkBytes, (piece + 1) * indexChunkBytes);
    return [sha256(content), content] as const;
  });
}
