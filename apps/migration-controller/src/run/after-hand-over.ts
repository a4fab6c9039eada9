/** What the steps of a migration do when the VM is its target's: all of it is tried until it succeeds. */
import { migrationv1 } from '@verbena/contracts';
import type { MigrationRequest } from '../migrations.ts';
import { moved, onAll, placeOf } from './steps.ts';
import { agentOf, messageOf, unlessGone, type Work } from './work.ts';

const discardMs = 5_000;

/** Everybody goes on, by where they were before and what has moved since; one that is not heard asks the scheduler. */
export async function releaseMoved(work: Work, signal: AbortSignal): Promise<void> {
  const { jobId, attempt, sourceNodeId } = work.migration();
  if (work.place === undefined && work.settled === undefined) await settle(work, signal);
  const { ranks, fabric } = work.settled ?? { ranks: moved(work), fabric: placeOf(work).fabric };
  const request = { migrationId: work.id, jobId, attempt, how: migrationv1.ReleaseHow.NEW_ADAPTER, ranks, fabric };
  const nodes = [...new Set([...ranks.map(({ nodeId }) => nodeId), sourceNodeId])];
  try {
    await unlessGone(work, () => onAll(work, nodes, (agent) => agent.release(request, { timeoutMs: work.ports.config.callMs, signal })));
  } catch (error) {
    work.place = undefined;
    work.settled = undefined;
    throw error;
  }
  work.releasedAt ??= work.ports.clock.now().getTime();
}

/** The scheduler has the rank where it is, and the source frees what it had: nobody stands for that. */
export async function settleAndDiscard(work: Work, signal: AbortSignal): Promise<void> {
  await Promise.all([settle(work, signal), discard(work)]);
}

/** Resolves when the scheduler knows, with where everyone is. */
async function settle(work: Work, signal: AbortSignal): Promise<void> {
  const { jobId } = work.migration();
  const options = { timeoutMs: work.ports.config.callMs, signal };
  const moves = work.ports.bus.client(migrationv1.MoveService);
  work.settled = await unlessGone(work, () => moves.settleMove({ migrationId: work.id, jobId }, options));
}

/** A source that does not answer asks the log what became of the VM, and discards it then. */
async function discard(work: Work): Promise<void> {
  const { sourceNodeId, vmId } = work.migration();
  try {
    await agentOf(work, sourceNodeId).discard({ migrationId: work.id, vmId }, { timeoutMs: discardMs });
  } catch (error) {
    work.ports.log.warn(
      { migration: work.id, node: sourceNodeId, error: messageOf(error) },
      'the source has not discarded a VM that has moved',
    );
  }
}

export function complete({ releasedAt }: Work): Promise<readonly MigrationRequest[]> {
  return Promise.resolve([{ type: 'CompleteMigration', data: releasedAt === undefined ? {} : { releasedAt } }]);
}
