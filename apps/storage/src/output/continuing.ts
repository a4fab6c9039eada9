/**
 * An attempt that goes on from a checkpoint begins with what was written up to there, so that readers find each byte once. It is a copy: what the
 * checkpoint's job wrote after it stays where it is, and is no part of this attempt.
 */
import { StorageError } from '../errors.ts';
import type { OutputLogs } from './output-logs.ts';
import type { OutputRecord } from './record.ts';

export interface Continued {
  readonly jobId: string;
  readonly attempt: number;
  readonly fromJobId: string;
  readonly fromAttempt: number;
  readonly positions: readonly { readonly rank: number; readonly stdout: bigint; readonly stderr: bigint }[];
}

const streams = { stdout: 1, stderr: 2 } as const;

/** Again adds what is missing, and nothing twice. @throws {StorageError} gap, when some of it is not there; what an append throws */
export async function continueOutput(logs: OutputLogs, { jobId, attempt, fromJobId, fromAttempt, positions }: Continued): Promise<void> {
  const wanted = new Map(
    positions.flatMap(({ rank, stdout, stderr }) => [
      [`${rank}/${streams.stdout}`, stdout] as const,
      [`${rank}/${streams.stderr}`, stderr] as const,
    ]),
  );
  await logs.with(jobId, async (log) => {
    await log.append([], attempt);
    for await (const records of logs.stream(fromJobId, (from) => from.written())) {
      const copies = records.filter((record) => record.attempt === fromAttempt).flatMap((record) => copyOf(record, attempt, wanted));
      if (copies.length > 0) await log.append(copies, attempt);
    }
    for (const [key, position] of wanted) {
      const [rank = 0, stream = 0] = key.split('/').map(Number);
      if (log.end(rank, stream) < position)
        throw new StorageError(
          'gap',
          `${fromJobId} has not written ${position} bytes as rank ${rank}: its checkpoint cannot be gone on from`,
        );
    }
  });
}

function copyOf(record: OutputRecord, attempt: number, wanted: ReadonlyMap<string, bigint>): OutputRecord[] {
  const { rank, stream, offset, data } = record;
  // A mark has no position.
  const end = wanted.get(`${rank}/${stream}`) ?? 0n;
  if (offset >= end) return [];
  const length = offset + BigInt(data.length) > end ? Number(end - offset) : data.length;
  return [{ rank, stream, attempt, offset, data: data.subarray(0, length), copied: true }];
}
