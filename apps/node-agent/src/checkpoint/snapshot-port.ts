/** What storage keeps of checkpoints, with the deadlines and repetitions of each call in one place. */
import { Code, ConnectError } from '@connectrpc/connect';
import { storagev1 } from '@verbena/contracts';
import type { Bus } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';
import { persistently, type RetryOptions } from '../retry.ts';

export interface OutputPositions {
  readonly rank: number;
  readonly stdout: bigint;
  readonly stderr: bigint;
}

export interface Continued {
  readonly jobId: string;
  readonly attempt: number;
  readonly fromJobId: string;
  readonly fromAttempt: number;
  readonly positions: readonly OutputPositions[];
}

export interface SnapshotPort {
  /** Writes down what a part needs. @returns digests that storage does not have */
  begin(checkpointId: string, rank: number, index: readonly string[], chunks: readonly string[]): Promise<readonly string[]>;
  put(digest: string, data: Uint8Array): Promise<void>;
  /** Digests of a part's index, in order. */
  part(checkpointId: string, rank: number): Promise<readonly string[]>;
  chunk(digest: string): Promise<Uint8Array>;
  /** Begins an attempt's output with what was written up to the checkpoint. */
  continueOutput(continued: Continued): Promise<void>;
}

const callMs = 10_000;
/** A checkpoint fails when storage is away for so long; the next one may succeed. */
const storeWithinMs = 20_000;
/** A job that is to go on from a checkpoint waits for storage; its start is bounded by whoever asked for it. */
const restoreWithinMs = 24 * 3_600_000;
const away: ReadonlySet<Code> = new Set([Code.Unavailable, Code.DeadlineExceeded]);

export function snapshotPort({
  bus,
  clock,
  signal,
}: {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): SnapshotPort {
  const snapshots = bus.client(storagev1.SnapshotService);
  const output = bus.client(storagev1.OutputService);
  // A storage that is full says so at once: waiting for room would hold the memory that was captured.
  const worthwhile = (error: unknown): boolean => away.has(ConnectError.from(error).code);
  const storing: RetryOptions = { clock, signal, withinMs: storeWithinMs, worthwhile };
  const restoring: RetryOptions = { clock, signal, withinMs: restoreWithinMs };
  return {
    async begin(checkpointId, rank, index, chunks) {
      const request = { checkpointId, rank, index: [...index], chunks: [...chunks] };
      return (await persistently(storing, () => snapshots.beginPart(request, { timeoutMs: callMs }))).missing;
    },
    async put(digest, data) {
      await persistently(storing, () => snapshots.putSnapshotChunk({ digest, data }, { timeoutMs: callMs }));
    },
    async part(checkpointId, rank) {
      return (await persistently(restoring, () => snapshots.getPart({ checkpointId, rank }, { timeoutMs: callMs }))).index;
    },
    async chunk(digest) {
      return (await persistently(restoring, () => snapshots.getSnapshotChunk({ digest }, { timeoutMs: callMs }))).data;
    },
    async continueOutput({ positions, ...continued }) {
      const request = { ...continued, positions: positions.map((position) => ({ ...position })) };
      await persistently(restoring, () => output.continueOutput(request, { timeoutMs: callMs }));
    },
  };
}
