/** verbena checkpoint, restart, snapshots: running jobs that are saved, and go on from there. */
import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { jobv1, migrationv1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { CliError, usageError } from '../errors.ts';
import { collect } from '../pages.ts';
import type { Session } from '../endpoint/session.ts';
import { addRequeueOptions, requeuePolicy, type RequeueOptions } from '../run/requeue-options.ts';
import { progressLine } from '../terminal/progress.ts';
import type { Column } from '../terminal/table.ts';
import { age } from '../terminal/times.ts';
import { humanBytes, parseSeconds } from '../terminal/units.ts';
import { checkpointLines, checkpointOutcome, stoodFor } from './checkpoint-lines.ts';

type Checkpoint = migrationv1.Checkpoint;

const over: ReadonlySet<string> = new Set(['stored', 'failed', 'cancelled', 'removing', 'removed']);

const columns = (now: Date): readonly Column<Checkpoint>[] => [
  { title: 'CHECKPOINT', value: ({ id }) => id },
  { title: 'JOB', value: ({ jobId }) => jobId },
  { title: 'NO', value: ({ number }) => String(number), align: 'right' },
  { title: 'STATE', value: ({ phase }) => phase },
  { title: 'SIZE', value: ({ bytes }) => humanBytes(bytes), align: 'right' },
  { title: 'NEW', value: ({ newBytes }) => humanBytes(newBytes), align: 'right' },
  { title: 'STOOD', value: ({ pause }) => stoodFor(pause), align: 'right' },
  { title: 'AGE', value: ({ startedAt }) => age(startedAt, now), align: 'right' },
];

async function checkpoint(context: CommandContext, jobId: string, options: { reason?: string; wait: boolean }): Promise<number> {
  const client = (await context.session()).client(migrationv1.CheckpointService);
  const { checkpoint: begun } = await client.checkpointJob({ jobId, reason: options.reason ?? '' });
  if (begun === undefined) return 1;
  let last = begun;
  const progress = progressLine(context.io, context.options);
  if (options.wait)
    for await (const { checkpoint: now } of client.watchCheckpoint({ id: begun.id })) {
      if (now === undefined) continue;
      last = now;
      progress.show(`${now.id}: ${now.phase}${now.detail === '' ? '' : ` (${now.detail})`}`);
      if (over.has(now.phase)) break;
    }
  progress.clear();
  if (context.json) await context.printJson(migrationv1.CheckpointSchema, last);
  else await context.line(options.wait ? checkpointOutcome(last) : last.id);
  return options.wait && last.phase !== 'stored' ? 1 : 0;
}

async function listOf(session: Session, jobId: string): Promise<readonly Checkpoint[]> {
  const client = session.client(migrationv1.CheckpointService);
  return collect(async (page) => {
    const answer = await client.listCheckpoints({ ...page, jobId });
    return { items: answer.checkpoints, next: answer.nextPageToken };
  });
}

async function list(context: CommandContext, jobId: string, all: boolean): Promise<void> {
  const checkpoints = (await listOf(await context.session(), jobId)).filter(({ phase }) => all || !over.has(phase) || phase === 'stored');
  await context.printList({
    desc: migrationv1.ListCheckpointsResponseSchema,
    message: create(migrationv1.ListCheckpointsResponseSchema, { checkpoints: [...checkpoints] }),
    rows: checkpoints,
    columns: columns(new Date()),
    empty: 'No job has been saved.',
  });
}

interface RestartOptions extends RequeueOptions {
  readonly name?: string;
  readonly time?: number;
  readonly policy?: string;
  readonly checkpointEvery?: number;
}

async function restart(context: CommandContext, id: string, options: RestartOptions): Promise<void> {
  const session = await context.session();
  const jobs = session.client(jobv1.JobService);
  const from = await checkpointOf(session, id);
  const { job: origin } = await jobs.getJob({ id: from.jobId });
  if (origin?.spec === undefined) throw new CliError(`the job of ${from.id} is not known any more`);
  const spec = create(jobv1.JobSpecSchema, {
    ...origin.spec,
    name: options.name ?? origin.spec.name,
    placementPolicy: options.policy ?? origin.spec.placementPolicy,
    restartFrom: from.id,
    ...(options.time !== undefined && { walltime: durationFromMs(options.time * 1000) }),
    ...(options.checkpointEvery !== undefined && { checkpointEvery: durationFromMs(options.checkpointEvery * 1000) }),
    ...requeuePolicy(options),
  });
  const { job } = await jobs.submitJob({ spec, idempotencyKey: randomUUID() });
  if (job === undefined) throw new CliError('the scheduler accepted the job without saying which it is');
  if (context.json) return context.printJson(jobv1.JobSchema, job);
  await context.note(`verbena: ${job.id} goes on from ${from.id}, checkpoint ${String(from.number)} of ${from.jobId}`);
  await context.line(job.id);
}

/** A checkpoint by its id, or the last that is stored of a job. */
async function checkpointOf(session: Session, id: string): Promise<Checkpoint> {
  if (id.startsWith('ckpt-')) {
    const { checkpoint: found } = await session.client(migrationv1.CheckpointService).getCheckpoint({ id });
    if (found === undefined) throw new CliError(`there is no checkpoint ${id}`);
    if (found.phase !== 'stored') throw new CliError(`${id} is ${found.phase}: only a stored checkpoint can be gone on from`);
    return found;
  }
  if (!id.startsWith('job-')) throw usageError(`restart what? "${id}" is neither a job (job-...) nor a checkpoint (ckpt-...)`);
  const last = (await listOf(session, id)).find(({ phase }) => phase === 'stored');
  if (last === undefined) throw new CliError(`${id} has no checkpoint: "verbena checkpoint ${id}" makes one while it runs`);
  return last;
}

async function show(context: CommandContext, id: string): Promise<void> {
  const { checkpoint: found } = await (await context.session()).client(migrationv1.CheckpointService).getCheckpoint({ id });
  if (found === undefined) return;
  if (context.json) return context.printJson(migrationv1.CheckpointSchema, found);
  for (const line of checkpointLines(found)) await context.line(line);
}

async function remove(context: CommandContext, ids: readonly string[]): Promise<void> {
  const client = (await context.session()).client(migrationv1.CheckpointService);
  for (const id of ids) {
    const { checkpoint: found } = await client.removeCheckpoint({ id });
    if (found !== undefined) await context.line(`${id} is ${found.phase}`);
  }
}

async function cancel(context: CommandContext, id: string): Promise<void> {
  const { checkpoint: found } = await (await context.session()).client(migrationv1.CheckpointService).cancelCheckpoint({ id });
  if (found !== undefined) await context.line(`${id} is ${found.phase}`);
}

export function registerCheckpoints({ program, action }: Registry): void {
  example(
    program
      .command('checkpoint')
      .summary('save a running job, which goes on')
      .description(
        'save all ranks of a running job, so that it can be started anew from there. The ranks stand still for a moment; what has not changed since the last checkpoint is not stored again.',
      )
      .argument('<job>', 'job id, see verbena jobs')
      .option('--reason <text>', 'what to record as the reason')
      .option('--no-wait', 'print the id of the checkpoint, and return at once')
      .action(action<{ reason?: string; wait: boolean }>((context, [job = ''], options) => checkpoint(context, job, options))),
    'verbena checkpoint job-7k2m9q',
  );
  example(
    addRequeueOptions(
      program
        .command('restart')
        .summary('start a job anew from a checkpoint')
        .description(
          'start a job that goes on from a checkpoint, or from the last one of a job, on whatever hosts are free. It is a new job; its output begins with what was written up to the checkpoint.',
        )
        .argument('<job|checkpoint>', 'job or checkpoint id')
        .option('--name <name>', 'name of the new job; that of the old one otherwise')
        .option('--time <duration>', 'end the job after this time, for example 10m', parseSeconds)
        .option('--policy <name>', 'placement policy')
        .option('--checkpoint-every <duration>', 'save it so often, for example 30s', parseSeconds),
    ).action(action<RestartOptions>((context, [id = ''], options) => restart(context, id, options))),
    'verbena restart job-7k2m9q',
    'verbena logs -f $(verbena restart ckpt-8d4w2n --quiet)',
  );
  const snapshots = example(
    program
      .command('snapshots')
      .description('list the checkpoints that jobs can go on from, the newest first')
      .argument('[job]', 'only those of this job')
      .option('--all', 'failed, cancelled and removed ones, too')
      .action(action<{ all?: boolean }>((context, [job = ''], options) => list(context, job, options.all === true))),
    'verbena snapshots job-7k2m9q',
    'verbena snapshots rm ckpt-8d4w2n',
  );
  example(
    snapshots
      .command('show')
      .description('show a checkpoint with its ranks')
      .argument('<checkpoint>', 'checkpoint id')
      .action(action((context, [id = '']) => show(context, id))),
    'verbena snapshots show ckpt-8d4w2n',
  );
  example(
    snapshots
      .command('rm')
      .description('remove checkpoints; what no other one needs is freed')
      .argument('<checkpoints...>', 'checkpoint ids')
      .action(action((context, ids) => remove(context, ids))),
    'verbena snapshots rm ckpt-8d4w2n',
  );
  example(
    snapshots
      .command('cancel')
      .description('give up a checkpoint that is not stored yet; its job goes on')
      .argument('<checkpoint>', 'checkpoint id')
      .action(action((context, [id = '']) => cancel(context, id))),
    'verbena snapshots cancel ckpt-8d4w2n',
  );
}
