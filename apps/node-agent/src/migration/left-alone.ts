/**
 * What becomes of a migration whose controller is not heard of any more. The log decides, so that all come to the same:
 *
 *   the VM has been handed over by this migration     the target goes on, the source discards, the others make their connections anew
 *   its owner has called the migration off, or the
 *   VM has ended, or the migration is being undone    everything goes on as it was
 *   neither                                           the source calls it off, in the VM's own stream, which forbids the hand-over for ever;
 *                                                     the others wait for either
 */
import { eventv1 } from '@verbena/contracts';
import { isLive, type VmState } from '@verbena/domain-vm';
import type { Bus } from '@verbena/messaging';
import type { Logger } from 'pino';
import { messageOf } from '../errors.ts';
import { VmLog, type VmLogOptions } from '../vms/vm-log.ts';
import type { AgentMigrations, Standing } from './agent-migrations.ts';

export interface LeftAloneOptions {
  readonly migrations: AgentMigrations;
  readonly bus: Bus;
  readonly log: Logger;
  readonly vmLog: VmLogOptions;
  readonly signal: AbortSignal;
}

const everyMs = 1_000;
/** For so long a controller is waited for. */
export const patienceMs = 60_000;
const callMs = 5_000;
const undone = ['MigrationUndoing', 'MigrationFailed', 'MigrationCancelled'];

type Verdict = 'moved' | 'stays' | 'open';

/** Looks after what is left alone until the signal aborts. Never rejects. */
export async function lookAfter(options: LeftAloneOptions): Promise<void> {
  const { migrations, log, signal } = options;
  const { clock } = migrations.parts;
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await settleLeftAlone(options, clock.monotonic() - patienceMs);
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'what became of a migration could not be found out yet');
    }
  }
}

/** Settles what has not been heard of since then, in monotonic milliseconds. */
export async function settleLeftAlone(options: LeftAloneOptions, since: number): Promise<void> {
  const { migrations, log } = options;
  for (const standing of [...migrations.standing.values()]) {
    if (standing.heard > since) continue;
    const verdict = await verdictOf(options, standing);
    log.warn({ migration: standing.migrationId, verdict }, 'the controller of a migration is not heard of: the log decides');
    if (verdict === 'moved') await moved(migrations, standing);
    if (verdict === 'stays') await stays(migrations, standing);
  }
  for (const [id, { incoming, heard, restored }] of [...migrations.coming]) {
    if (heard > since || restored !== undefined) continue;
    const { vmId } = incoming.vm.request;
    if ((await verdictOf(options, { migrationId: id, vmId })) === 'stays') await migrations.abort(id);
  }
}

async function moved(migrations: AgentMigrations, { migrationId, vmId, jobId }: Standing): Promise<void> {
  await migrations.release(jobId, migrationId, 'new-adapter');
  await migrations.settled(migrationId);
  await migrations.discard(migrationId, vmId);
}

async function stays(migrations: AgentMigrations, { migrationId, jobId }: Standing): Promise<void> {
  await migrations.abort(migrationId);
  await migrations.resume(migrationId);
  await migrations.release(jobId, migrationId, 'same');
}

async function verdictOf(options: LeftAloneOptions, { migrationId, vmId }: Pick<Standing, 'migrationId' | 'vmId'>): Promise<Verdict> {
  const { migrations, vmLog, bus } = options;
  const state = await new VmLog(vmId, '', vmLog).read();
  const known = verdict(state, migrationId);
  if (known !== 'open') return known;
  const filter = { stream: migrationId, types: undone };
  const { events } = await bus.client(eventv1.EventService).listEvents({ filter, pageSize: 1 }, { timeoutMs: callMs });
  if (events.length > 0) return 'stays';
  const { nodeId, vms } = migrations.parts;
  if (state.status === 'none' || state.nodeId !== nodeId) return 'open';
  const reason = 'the controller of the migration was not heard of';
  await vms.get(vmId)?.log.record(state.jobId, { type: 'KeepVm', data: { migrationId, reason } });
  return 'stays';
}

function verdict(state: VmState, migrationId: string): Verdict {
  if (state.status !== 'none' && state.movedBy === migrationId) return 'moved';
  if (!isLive(state) || state.stayed === migrationId) return 'stays';
  return 'open';
}
