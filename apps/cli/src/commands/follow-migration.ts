/** Follows a migration to its end, with a line that says how far it is. */
import type { Client } from '@connectrpc/connect';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { migrationv1 } from '@verbena/contracts';
import type { CommandContext } from '../command-context.ts';
import { bar, progressLine } from '../terminal/progress.ts';
import { humanBytes, humanSeconds } from '../terminal/units.ts';

type Migration = migrationv1.Migration;

const over: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'refused']);
/** Of the bar, by what is done. */
const parts: Readonly<Record<string, number>> = { copying: 0.1, suspended: 0.8, 'handed-over': 0.9, completed: 1 };
const pageBytes = 4096;

export async function followMigration(
  context: CommandContext,
  client: Client<typeof migrationv1.MigrationService>,
  begun: Migration,
): Promise<Migration> {
  const progress = progressLine(context.io, context.options);
  let last = begun;
  try {
    for await (const { migration } of client.watchMigration({ id: begun.id })) {
      if (migration === undefined) continue;
      last = migration;
      progress.show(progressText(migration));
      if (over.has(migration.phase)) break;
    }
  } finally {
    progress.clear();
  }
  return last;
}

/** "[####....] 40% vm-4x8t1z: round 2, 12 MB left, about 1 s" */
export function progressText(migration: Migration): string {
  const { vmId, phase, rounds, detail } = migration;
  const round = rounds.at(-1);
  const sent = rounds.length === 0 ? 0 : 1 - Number(round?.left ?? 0n) / Math.max(1, Number(rounds[0]?.pages ?? 1n));
  const part = phase === 'copying' ? 0.1 + 0.6 * Math.max(0, sent) : (parts[phase] ?? 0);
  const left = round === undefined ? '' : `, ${humanBytes(round.left * BigInt(pageBytes))} left${estimate(round)}`;
  const where = phase === 'copying' ? `round ${String(rounds.length + 1)}${left}` : phase;
  return `${bar(part)} ${vmId}: ${where}${detail === '' ? '' : ` (${detail})`}`;
}

/** At the rate of the last round. */
function estimate({ bytes, duration, left }: migrationv1.MigrationRound): string {
  const ms = duration === undefined ? 0 : durationMs(duration);
  if (ms < 1 || bytes === 0n) return '';
  return `, about ${humanSeconds((Number(left) * pageBytes * ms) / Number(bytes) / 1000)}`;
}
