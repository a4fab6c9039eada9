/** A checkpoint for people. */
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { migrationv1 } from '@verbena/contracts';
import { humanBytes } from '../terminal/units.ts';
import { localTime } from '../terminal/times.ts';

type Checkpoint = migrationv1.Checkpoint;

export const stoodFor = (duration: Checkpoint['pause']): string => (duration === undefined ? '' : `${String(durationMs(duration))} ms`);

/** In a line: what became of it. */
export function checkpointOutcome(checkpoint: Checkpoint): string {
  const { id, jobId, number, phase, detail, bytes, newBytes, pause } = checkpoint;
  if (phase !== 'stored') return `${id}: ${phase}${detail === '' ? '' : `, ${detail}`}`;
  return `${id}: checkpoint ${String(number)} of ${jobId}, ${humanBytes(bytes)}, ${humanBytes(newBytes)} of it new; the job stood ${stoodFor(pause)}`;
}

/** All of it, rank by rank. */
export function checkpointLines(checkpoint: Checkpoint): readonly string[] {
  const { startedAt, endedAt, attempt, base, reason, saved, changedPages } = checkpoint;
  const row = (rank: string, stood: string, bytes: string, fresh: string, pages: string): string =>
    `${rank.padEnd(6)}${stood.padStart(10)}${bytes.padStart(12)}${fresh.padStart(12)}${pages.padStart(10)}`;
  const rows = saved.map((rank) =>
    row(String(rank.rank), stoodFor(rank.stood), humanBytes(rank.bytes), humanBytes(rank.newBytes), String(rank.changedPages)),
  );
  return [
    checkpointOutcome(checkpoint),
    `Attempt  ${String(attempt)}`,
    `Base     ${base === '' ? 'none: it is a full one' : `${base}, ${String(changedPages)} pages written since`}`,
    ...(reason === '' ? [] : [`Reason   ${reason}`]),
    `Time     ${localTime(startedAt)}${endedAt === undefined ? '' : ` to ${localTime(endedAt)}`}`,
    ...(rows.length === 0 ? [] : ['', row('RANK', 'STOOD', 'BYTES', 'NEW', 'CHANGED'), ...rows]),
  ];
}
