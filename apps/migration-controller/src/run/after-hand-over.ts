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
  const nodes = [...new Set(ranks.map(({ nodeId }) => nodeId))];
  const release = (nodeIds: readonly string[], timeoutMs: number): Promise<void> =>
    onAll(work, nodeIds, (agent) => agent.release(request, { timeoutMs, signal }));
  // Where no rank is any more nobody waits to go on.
  const left = nodes.includes(sourceNodeId) ? undefined : atSource(work, 'forgotten', () => release([sourceNodeId], discardMs));
  try {
    await unlessGone(work, () => release(nodes, work.ports.config.callMs));
  } catch (error) {
    work.place = undefined;
    work.settled = undefined;
    throw error;
  }
  work.releasedAt ??= work.ports.clock.now().getTime();
  await left;
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

function discard(work: Work): Promise<void> {
  const { sourceNodeId, vmId } = work.migration();
  const request = { migrationId: work.id, vmId };
  return atSource(work, 'discarded', () => agentOf(work, sourceNodeId).discard(request, { timeoutMs: discardMs }));
}

/** A source that does not answer, or is lost, holds nobody up: it asks the log what became of the VM. */
async function atSource({ id, ports, migration }: Work, what: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    const { sourceNodeId: node } = migration();
    ports.log.warn({ migration: id, node, error: messageOf(error) }, `a VM that has moved is not ${what} at its source yet`);
  }
}

export function complete({ releasedAt }: Work): Promise<readonly MigrationRequest[]> {
  return Promise.resolve([{ type: 'CompleteMigration', data: releasedAt === undefined ? {} : { releasedAt } }]);
}
