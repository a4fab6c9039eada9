/** verbena node balance, node consolidate: VMs that run move so that hosts have equal loads, or so that some have none. */
import { migrationv1, nodev1, vmv1 } from '@verbena/contracts';
import type { CommandContext } from '../command-context.ts';
import { collect } from '../pages.ts';
import { moveAll } from './move-all.ts';
import { planBalance, planConsolidation, type PlannedMove } from './rearrange-plan.ts';

export interface RearrangeOptions {
  readonly dryRun?: boolean;
  readonly reason: string;
}

const plans = {
  balance: { plan: planBalance, nothing: 'The hosts that are ready are balanced.' },
  consolidate: { plan: planConsolidation, nothing: 'No host can be emptied.' },
} as const;

/** @returns the exit code: 1 when a VM has stayed */
export async function rearrange(context: CommandContext, how: keyof typeof plans, { dryRun, reason }: RearrangeOptions): Promise<number> {
  const session = await context.session();
  const nodes = await collect(async (page) => {
    const answer = await session.client(nodev1.NodeService).listNodes(page);
    return { items: answer.nodes, next: answer.nextPageToken };
  });
  const vms = await collect(async (page) => {
    const answer = await session.client(vmv1.VmService).listVms({ ...page, all: true });
    return { items: answer.vms, next: answer.nextPageToken };
  });
  const hosts = nodes
    .filter(({ state }) => state === nodev1.NodeState.READY)
    .map(({ id, cores, memoryBytes, memoryUsedBytes }) => ({ id, cores, freeMemoryBytes: Number(memoryBytes - memoryUsedBytes) }));
  const running = vms
    .filter(({ state }) => state === vmv1.VmState.RUNNING)
    .map(({ id, nodeId, vcpus, memoryBytes }) => ({ id, hostId: nodeId, vcpus, memoryBytes: Number(memoryBytes) }));
  const moves = plans[how].plan(hosts, running);
  if (dryRun === true) return tell(context, moves, plans[how].nothing);
  const wishes = moves.map(({ vmId, to }) => ({ vmId, targetNodeId: to }));
  const stayed = await moveAll(
    context,
    session.client(migrationv1.MigrationService),
    wishes,
    reason === '' ? `hosts are to ${how}` : reason,
  );
  if (moves.length === 0) await context.note(plans[how].nothing);
  return stayed === 0 ? 0 : 1;
}

async function tell(context: CommandContext, moves: readonly PlannedMove[], nothing: string): Promise<number> {
  if (context.json) await context.io.out(`${JSON.stringify({ moves })}\n`);
  else for (const { vmId, from, to } of moves) await context.line(`${vmId} would move from ${from} to ${to}`);
  if (moves.length === 0) await context.note(nothing);
  return 0;
}
