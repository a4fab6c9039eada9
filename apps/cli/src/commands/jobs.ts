/** verbena jobs, job show, cancel: the queue and what became of it. */
import { create } from '@bufbuild/protobuf';
import { jobv1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { usageError } from '../errors.ts';
import { collect } from '../pages.ts';
import { enumName } from '../terminal/json.ts';
import type { Column } from '../terminal/table.ts';
import { age, secondsBetween } from '../terminal/times.ts';
import { humanSeconds, parseCount } from '../terminal/units.ts';
import type { ProfileOptions } from './job-profile.ts';
import type { JobMpiOptions } from './job-mpi.ts';
import { jobReport } from './job-report.ts';

const stateName = (state: jobv1.JobState): string => enumName(jobv1.JobStateSchema, state);

function columns(now: Date): readonly Column<jobv1.Job>[] {
  return [
    { title: 'JOB', value: (job) => job.id },
    { title: 'NAME', value: (job) => job.spec?.name ?? '', least: 8 },
    { title: 'STATE', value: (job) => stateName(job.state) },
    { title: 'RANKS', value: (job) => String(job.spec?.processes ?? 0), align: 'right' },
    { title: 'AGE', value: (job) => age(job.submittedAt, now), align: 'right' },
    { title: 'RAN', value: (job) => ran(job, now), align: 'right' },
    { title: 'EXIT', value: (job) => (job.endedAt ? String(job.exitCode) : ''), align: 'right' },
    { title: 'REASON', value: (job) => job.reason.split('\n')[0] ?? '', least: 10 },
  ];
}

function ran(job: jobv1.Job, now: Date): string {
  const seconds = secondsBetween(job.startedAt, job.endedAt ?? now);
  return seconds === undefined ? '-' : humanSeconds(seconds);
}

/** The states of a comma-separated list, for example "running,queued". */
export function parseStates(text: string): jobv1.JobState[] {
  const known = jobv1.JobStateSchema.values.filter(({ number }) => number !== 0);
  return text.split(',').map((name) => {
    const found = known.find(({ number }) => stateName(number) === name.trim().toLowerCase());
    if (!found) throw usageError(`"${name}" is no job state; there are ${known.map(({ number }) => stateName(number)).join(', ')}`);
    return found.number;
  });
}

async function list(context: CommandContext, options: { state?: string; limit: number }): Promise<void> {
  const states = options.state ? parseStates(options.state) : [];
  const session = await context.session();
  const client = session.client(jobv1.JobService);
  const jobs = await collect(
    async (page) => {
      const answer = await client.listJobs({ ...page, states });
      return { items: answer.jobs, next: answer.nextPageToken };
    },
    options.limit === 0 ? undefined : options.limit,
  );
  await context.printList({
    desc: jobv1.ListJobsResponseSchema,
    message: create(jobv1.ListJobsResponseSchema, { jobs }),
    rows: jobs,
    columns: columns(new Date()),
    empty: states.length > 0 ? 'No such jobs.' : 'No jobs yet. "verbena run -n 4 prog.c" runs one.',
  });
}

async function show(context: CommandContext, id: string): Promise<void> {
  const { job } = await (await context.session()).client(jobv1.JobService).getJob({ id });
  if (!job) return;
  if (context.json) return context.printJson(jobv1.JobSchema, job);
  await context.io.out(`${jobReport(job, context.io.columns, new Date()).join('\n')}\n`);
}

async function cancel(context: CommandContext, ids: readonly string[], reason: string): Promise<void> {
  const client = (await context.session()).client(jobv1.JobService);
  for (const id of ids) {
    const { job } = await client.cancelJob({ id, reason });
    if (!job) continue;
    if (context.json) await context.printJson(jobv1.JobSchema, job);
    else await context.line(`${job.id} is ${stateName(job.state)}`);
  }
}

export function registerJobs({ program, action }: Registry): void {
  example(
    program
      .command('jobs')
      .description('list jobs, newest first')
      .option('--state <states>', 'only these, for example running,queued')
      .option('--limit <count>', 'at most so many; 0 means all', parseCount('--limit', 0), 20)
      .action(action((context, _args, options: { state?: string; limit: number }) => list(context, options))),
    'verbena jobs --state running',
  );
  const job = example(program.command('job').description('one job in detail'), 'verbena job show job-7k2m9q');
  example(
    job
      .command('show')
      .description('everything about a job: where its ranks run, its phases, how it ended')
      .argument('<job>', 'job id')
      .action(action((context, [id = '']) => show(context, id))),
    'verbena job show job-7k2m9q',
  );
  example(
    job
      .command('trace')
      .summary('where the time of a job went')
      .description(
        'Where the time of a job went: its stages, the edges over which its image travelled, the boot of each VM, the run of each rank. ' +
          'Read from the event log. With VERBENA_JAEGER_URL set, the address of its trace in Jaeger follows.',
      )
      .argument('<job>', 'job id')
      .option('--all', 'every rank and VM, however many')
      .action(
        action(async (context, [id = ''], { all }: { all?: boolean }) =>
          (await import('./job-trace.ts')).showTrace(context, id, all === true),
        ),
      ),
    'verbena job trace job-7k2m9q',
  );
  example(
    job
      .command('profile')
      .summary('a flame graph of a job')
      .description(
        'What the processor time of a job was spent with, as a flame graph (SVG): job, rank, and guest, VMM, driver domain, adapter or sleep, with the ' +
          'call into the VMM or the MPI function that slept. Sampled every 4 ms while the job ran; ranks that have not ended are left out.',
      )
      .argument('<job>', 'job id')
      .option('--out <file>', 'where to write it; JOB.svg otherwise')
      .option('--folded', 'folded stacks in microseconds, for flamegraph.pl')
      .option('--busy', 'leave out sleep')
      .action(
        action(async (context, [id = ''], options: ProfileOptions) => (await import('./job-profile.ts')).profileJob(context, id, options)),
      ),
    'verbena job profile job-7k2m9q --out profile.svg',
    'verbena job profile job-7k2m9q --folded --busy | flamegraph.pl > profile.svg',
  );
  example(
    job
      .command('mpi')
      .summary('who sent how much to whom, and the time in MPI')
      .description(
        'What the ranks of a job did in MPI that ran with --trace-mpi: the data that each sent to each, and the time in each function. ' +
          'With --json, also the messages, and the functions by rank.',
      )
      .argument('<job>', 'job id')
      .option('--csv', 'the matrix as lines of from,to,messages,bytes')
      .option('--timeline <file>', 'write the first calls of each rank as a Chrome trace, for ui.perfetto.dev')
      .action(action(async (context, [id = ''], options: JobMpiOptions) => (await import('./job-mpi.ts')).showMpi(context, id, options))),
    'verbena job mpi job-7k2m9q --timeline trace.json',
  );
  example(
    program
      .command('cancel')
      .description('end jobs, whatever they are doing')
      .argument('<jobs...>', 'job ids')
      .option('--reason <text>', 'what to record as the reason', 'cancelled by the user')
      .action(action((context, args, { reason }: { reason: string }) => cancel(context, args, reason))),
    'verbena cancel job-7k2m9q',
  );
}
