/** verbena node drain --migrate: what runs on a host moves away, as many VMs at a time as the controller lets go. */
import { migrationv1, nodev1, vmv1 } from '@verbena/contracts';
import type { CommandContext } from '../command-context.ts';
import { collect } from '../pages.ts';
import { followMigration } from './follow-migration.ts';
import { outcome } from './migration-lines.ts';

/**
 * Drains a node and moves every running VM away from it. Idle VMs are left: the cluster destroys them in time.
 * @returns the exit code: 1 when a VM has stayed
 */
export async function evacuate(context: CommandContext, id: string, reason: string): Promise<number> {
  const session = await context.session();
  await session.client(nodev1.NodeService).drainNode({ id, reason });
  const vms = await collect(async (page) => {
    const answer = await session.client(vmv1.VmService).listVms(page);
    return { items: answer.vms, next: answer.nextPageToken };
  });
  const client = session.client(migrationv1.MigrationService);
  let stayed = 0;
  const begin = (vmId: string) => client.migrateVm({ vmId, reason: reason === '' ? `${id} is drained` : reason });
  const here = vms.filter(({ nodeId, state }) => nodeId === id && state === vmv1.VmState.RUNNING);
  const begun = await Promise.allSettled(here.map((vm) => begin(vm.id)));
  for (const [index, vm] of here.entries()) {
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
      await context.note(`${vm.id} stays on ${id}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (stayed === 0) await context.note(`${id} is drained, and runs nothing`);
  return stayed === 0 ? 0 : 1;
}
