/** verbena node drain --migrate: what runs on a host moves away. */
import { migrationv1, nodev1, vmv1 } from '@verbena/contracts';
import type { CommandContext } from '../command-context.ts';
import { collect } from '../pages.ts';
import { moveAll } from './move-all.ts';

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
  const wishes = vms.filter(({ nodeId, state }) => nodeId === id && state === vmv1.VmState.RUNNING).map((vm) => ({ vmId: vm.id }));
  const client = session.client(migrationv1.MigrationService);
  const stayed = await moveAll(context, client, wishes, reason === '' ? `${id} is drained` : reason);
  if (stayed === 0) await context.note(`${id} is drained, and runs nothing`);
  return stayed === 0 ? 0 : 1;
}
