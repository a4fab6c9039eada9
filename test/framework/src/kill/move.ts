/**
 * One run of a campaign of kill -9 while a VM moves: a process dies, or the migration is cancelled, when the migration has come to a step. Whatever it
 * was, the migration ends, the job completes with the output and the file of one run, and nothing of it ran twice.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { jobv1, migrationv1, vmv1 } from '@verbena/contracts';
import type { GuestImage } from '@verbena/guest-image';
import type { ProcessCluster } from '../process-cluster.ts';
import { migrationStage } from './hits.ts';
import { push } from './images.ts';
import { persistently } from './patience.ts';
import type { MoveRun } from './plan.ts';
import type { KillEnd } from './run.ts';
import { slay, submit, wrongEnd } from './story.ts';
import type { LogWatch } from './watch.ts';

/** Long enough for a migration to meet its end before the ranks do. */
const rounds = 300;
/** A migration that does not come to the step, since it was too quick or has failed: then now. */
const noSuchStepMs = 4_000;
const ended = new Set(['completed', 'failed', 'cancelled']);

export interface MoveEnd extends KillEnd {
  /** The phase in which the migration ended. */
  readonly phase: string;
}

export async function moveUnderKill(cluster: ProcessCluster, watch: LogWatch, program: GuestImage, run: MoveRun): Promise<MoveEnd> {
  const image = await push(cluster, program, 'meets');
  const job = { name: `move-${String(run.seed)}`, processes: 2, memoryBytes: 256n * 65_536n, rounds };
  const id = await submit(cluster, image, job);
  const vmId = await persistently(`rank ${String(run.rank)} of ${id} runs`, () => runningVm(cluster, id, run.rank));
  const head = await watch.head();
  const kill = async (migrating: Promise<string | undefined>): Promise<bigint> => {
    await watch.sees(head, ({ event }) => event.type === run.step.event, noSuchStepMs);
    await delay(run.delayMs);
    const until = await watch.head();
    if (run.victim === 'cancel') await cancel(cluster, await migrating);
    else await slay(cluster, run.victim);
    return until;
  };
  const migrating = start(cluster, vmId, run);
  const [migration, until] = await Promise.all([migrating, kill(migrating)]);
  const wrong = await wrongEnd(cluster, id, job);
  if (migration === undefined) return { wrong, phase: 'not begun', stages: [] };
  const phase = await persistently(`${migration} ends`, async () => {
    const { migration: now } = await cluster.client(migrationv1.MigrationService).getMigration({ id: migration }, { timeoutMs: 5_000 });
    if (now === undefined || !ended.has(now.phase)) throw new Error(`it is ${now?.phase ?? 'not there'}: ${now?.detail ?? ''}`);
    return now.phase;
  });
  return { wrong, phase, stages: [migrationStage(await watch.between(head, until))] };
}

async function runningVm(cluster: ProcessCluster, jobId: string, rank: number): Promise<string> {
  const { job } = await cluster.client(jobv1.JobService).getJob({ id: jobId }, { timeoutMs: 5_000 });
  const vmId = job?.ranks.find((each) => each.rank === rank)?.vmId ?? '';
  const { vms } = await cluster.client(vmv1.VmService).listVms({}, { timeoutMs: 5_000 });
  const vm = vms.find((each) => each.id === vmId && each.jobId === jobId);
  if (vm?.state !== vmv1.VmState.RUNNING) throw new Error(`its VM is ${vm === undefined ? 'not there' : vmv1.VmState[vm.state]}`);
  return vmId;
}

/** Asked again under its key it is the same one; undefined when the job has ended before it could begin. */
function start(cluster: ProcessCluster, vmId: string, { seed, transport }: MoveRun): Promise<string | undefined> {
  const way = { rdma: migrationv1.MigrationTransport.RDMA, tcp: migrationv1.MigrationTransport.TCP }[transport];
  const request = { vmId, transfer: { transport: way }, idempotencyKey: `move-${String(seed)}` };
  return persistently('the migration is accepted', async () => {
    try {
      return (await cluster.client(migrationv1.MigrationService).migrateVm(request, { timeoutMs: 10_000 })).migration?.id;
    } catch (error) {
      if (ConnectError.from(error).code === Code.FailedPrecondition) return undefined;
      throw error;
    }
  });
}

/** It may be too late for that. */
async function cancel(cluster: ProcessCluster, id: string | undefined): Promise<void> {
  if (id === undefined) return;
  await cluster
    .client(migrationv1.MigrationService)
    .cancelMigration({ id }, { timeoutMs: 10_000 })
    .catch((error: unknown) => {
      if (ConnectError.from(error).code !== Code.FailedPrecondition) throw error;
    });
}
