/** Many VMs that move at once, as many at a time as the controller lets go. */
import type { Client } from '@connectrpc/connect';
import type { migrationv1 } from '@verbena/contracts';
import type { CommandContext } from '../command-context.ts';
import { followMigration } from './follow-migration.ts';
import { outcome } from './migration-lines.ts';

export interface MoveWish {
  readonly vmId: string;
  /** The host with the most room when absent. */
  readonly targetNodeId?: string;
}

/** Asks for all of them, and tells how each ends. @returns how many have stayed */
export async function moveAll(
  context: CommandContext,
  client: Client<typeof migrationv1.MigrationService>,
  wishes: readonly MoveWish[],
  reason: string,
): Promise<number> {
  const begun = await Promise.allSettled(wishes.map((wish) => client.migrateVm({ ...wish, reason })));
  let stayed = 0;
  for (const [index, { vmId }] of wishes.entries()) {
    try {
      const start = begun[index];
      if (start?.status === 'rejected') throw start.reason;
      const migration = start?.value.migration;
      if (migration === undefined) continue;
      const last = await followMigration(context, client, migration);
      if (last.phase !== 'completed') stayed++;
      if (!context.json) await context.line(outcome(last));
    } catch (error) {
      stayed++;
      await context.note(`${vmId} stays where it is: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return stayed;
}
