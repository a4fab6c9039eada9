/** verbena run: from a C file to the program's exit code. */
import { jobv1, storagev1 } from '@verbena/contracts';
import type { Command } from 'commander';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { openSession, type Session } from '../endpoint/session.ts';
import { findCluster, type Target } from '../endpoint/target.ts';
import { CliError, SilentExit, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { buildImageOf, type Built } from '../run/build.ts';
import { failureReport } from '../run/failure-report.ts';
import { followJob } from '../run/follow-job.ts';
import { jobProgress } from '../run/job-progress.ts';
import { submitJob } from '../run/prepare-job.ts';
import { rankLabels } from '../run/rank-labels.ts';
import { addJobOptions, compilerFlags, jobName, jobSpec, type JobOptions } from '../run/run-options.ts';
import { readStandardInput } from '../run/standard-input.ts';
import type { TemporaryCluster } from '../run/temporary-cluster.ts';
import { startTrace, type RunTrace } from '../run/trace.ts';
import { catchStopSignals, signalExitCode, type StopSignals } from '../signals.ts';
import { progressLine, together, type Progress } from '../terminal/progress.ts';
import { jsonOf, jsonText } from '../terminal/json.ts';
import { humanBytes, parseCount } from '../terminal/units.ts';
import { phaseText } from './job-report.ts';

export interface RunOptions extends JobOptions {
  readonly out?: string;
  readonly label?: boolean;
  readonly trace?: boolean;
  readonly hosts: number;
  readonly cores: number;
}

/** What a run has at hand from its first moment to its last. */
interface Run {
  readonly context: CommandContext;
  readonly options: RunOptions;
  readonly words: readonly string[];
  readonly stop: StopSignals;
  readonly progress: Progress;
  readonly trace: RunTrace;
  temporary?: TemporaryCluster;
  jobId?: string;
}

async function run(context: CommandContext, words: readonly string[], options: RunOptions): Promise<number> {
  if (words.length === 0 && !options.image) throw usageError('run what? Name a C file, a .vmi file, or --image');
  if (words.length > 0 && options.image) throw usageError('--image names the program already; leave out the files');
  // Says what is wrong with the options before anything is built.
  jobSpec({ options, name: '', image: '', args: [], env: context.io.env, stdin: new Uint8Array(), inputFiles: [] });
  const current: Run = {
    context,
    options,
    words,
    stop: catchStopSignals(() => current.temporary?.abandon()),
    progress: progressLine(context.io, context.options),
    trace: await startTrace('verbena run', context.io),
  };
  let exitCode: number = exitCodes.failed;
  try {
    exitCode = await runJob(current);
    return exitCode;
  } catch (error) {
    current.progress.clear();
    if (!current.stop.received) throw error;
    // That it was interrupted is no news to whoever did it; that its end could not be waited for is.
    if (error instanceof CliError && error.message) await context.io.err(`verbena: ${error.message}\n`);
    throw new SilentExit(signalExitCode(current.stop.received));
  } finally {
    current.progress.clear();
    await current.temporary?.stop();
    await current.trace.end({ exitCode, ...(current.jobId === undefined ? {} : { jobId: current.jobId }) });
    current.stop.release();
  }
}

async function runJob(current: Run): Promise<number> {
  const { context, options, words, stop, progress } = current;
  const name = jobName(options, words);
  const session = await prepared(current);
  const job = await submitJob(session.session, {
    options,
    name,
    image: session.built?.image,
    args: context.programArgs,
    env: context.io.env,
    cwd: context.io.cwd,
    stdin: session.stdin,
    signal: stop.signal,
    onStep: progress.show,
  });
  current.jobId = job.id;
  if (context.options.verbose) await context.note(`verbena: ${job.id}, trace ${job.traceId}`);
  const end = await follow(current, session.session, job.id);
  await report(current, session.session, end);
  return stop.received ? signalExitCode(stop.received) : end.exitCode;
}

/** Builds, finds or starts the cluster, and reads standard input: all at once, since none needs the other. */
async function prepared(current: Run): Promise<{ session: Session; built: Built | undefined; stdin: Uint8Array }> {
  const { context, options, words, stop, progress } = current;
  const note = (text: string): void => {
    progress.clear();
    void context.note(text);
  };
  const running = await findCluster(context.where);
  if (running === undefined) checkTemporary(options);
  const failed = new AbortController();
  const signal = AbortSignal.any([stop.signal, failed.signal]);
  const line = together(progress);
  const [build, start] = [line('build'), line('cluster')];
  const parts = [
    words.length > 0
      ? buildImageOf(words, compilerFlags(options), context.io, build.show, signal).finally(build.done)
      : Promise.resolve(undefined),
    cluster(current, running, start.show, signal).finally(start.done),
    readStandardInput(context.io, note, signal),
  ] as const;
  // One that fails keeps the others from waiting, but each is awaited: a cluster that is starting must be stopped.
  for (const part of parts) part.catch((error: unknown) => failed.abort(error));
  const settled = await Promise.allSettled(parts);
  stop.signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  const [built, session, stdin] = settled.map((part) => (part.status === 'fulfilled' ? part.value : undefined));
  return { built: built as Built | undefined, session: session as Session, stdin: stdin as Uint8Array };
}

/** @throws {CliError} when a temporary cluster of this size could not run the job; said before anything is built. */
function checkTemporary({ processes, hosts, cores, image }: RunOptions): void {
  if (image)
    throw new CliError(`no cluster is up that could have the image "${image}"; start one with "verbena up -d"`, exitCodes.unreachable);
  if (processes <= hosts * cores) return;
  throw new CliError(
    `${processes} ranks need ${processes} cores, and the temporary cluster has ${hosts * cores} (${hosts} hosts with ${cores} cores); ` +
      `give it more, for example with --cores ${Math.ceil(processes / hosts)}`,
    exitCodes.unsatisfiable,
  );
}

/** A session with the cluster that is up, or with a temporary one. */
async function cluster(current: Run, running: Target | undefined, onStep: (text: string) => void, signal: AbortSignal): Promise<Session> {
  if (running !== undefined) return openSession(running, current.trace.traceparent);
  const { context, options } = current;
  const { startTemporaryCluster } = await import('../run/temporary-cluster.ts');
  current.temporary = await startTemporaryCluster({
    hosts: options.hosts,
    cores: options.cores,
    verbose: context.options.verbose === true,
    onStep,
    signal,
  });
  return openSession({ url: current.temporary.url }, current.trace.traceparent);
}

async function follow(current: Run, session: Session, jobId: string): Promise<jobv1.Job> {
  const { context, options, stop, progress } = current;
  const labels = options.label ? rankLabels() : undefined;
  const write = (stream: storagev1.OutputStream, data: Uint8Array): Promise<void> =>
    stream === storagev1.OutputStream.STDERR || context.json ? context.io.err(data) : context.io.out(data);
  const announce = (): void => {
    progress.clear();
    void context.note(`\nverbena: cancelling ${jobId}; press Ctrl-C again to leave at once`);
  };
  stop.signal.addEventListener('abort', announce, { once: true });
  const { job, outputComplete } = await followJob(session, jobId, {
    stop: stop.signal,
    cancelReason: 'interrupted by the user',
    handlers: {
      onJob: (now) => {
        const text = stop.received ? undefined : jobProgress(now);
        if (text === undefined) progress.clear();
        else progress.show(text);
      },
      onAgain: (text) => {
        progress.clear();
        void context.note(`verbena: ${text}`);
      },
      onOutput: async (rank, stream, data) => {
        progress.clear();
        await write(stream, labels ? labels.label(rank, stream, data) : data);
      },
    },
  });
  for (const { stream, data } of labels?.rest() ?? []) await write(stream, data);
  if (!outputComplete) await context.note(`verbena: the end of the output did not come; "verbena logs ${jobId}" may have it`);
  return job;
}

async function report(current: Run, session: Session, job: jobv1.Job): Promise<void> {
  const { context, options, progress } = current;
  progress.clear();
  if (options.out !== undefined && !current.stop.received) {
    const { fetchFiles } = await import('../run/fetch-files.ts');
    const { files, bytes } = await fetchFiles(session, job.id, {
      directory: options.out,
      cwd: context.io.cwd,
      onFile: (path) => progress.show(`fetching ${path}`),
    });
    progress.clear();
    if (context.options.verbose) await context.note(`verbena: ${files.length} files, ${humanBytes(bytes)}, in ${options.out}`);
  }
  const lines = failureReport(job);
  if (lines.length > 0) await context.io.err(`${lines.join('\n')}\n`);
  if (options.trace) await context.io.err(`verbena: ${job.id}: ${phaseText(job.phaseSeconds)}; trace ${job.traceId}\n`);
  if (context.json) await context.io.out(jsonText(jsonOf(jobv1.JobSchema, job)));
}

/** The options of the temporary cluster. */
export function addClusterSize(command: Command): Command {
  return command
    .option('--hosts <count>', 'hosts of the temporary cluster', parseCount('--hosts', 1, 256), 4)
    .option('--cores <count>', 'cores of each of its hosts', parseCount('--cores', 1, 256), 2);
}

export function registerRun({ program, action }: Registry): void {
  const command = program
    .command('run')
    .summary('build and run a program')
    .description(
      'Builds a C or C++ program, runs it on virtual machines, prints what it prints, and returns its exit code. ' +
        'Other options (-I -D -l -L -O -W -std=...) go to the compiler; what comes after "--" goes to the program. ' +
        'When no cluster is up, a temporary one runs the job. Standard input, if it is no terminal, goes to rank 0. ' +
        'With --json the output of the program goes to standard error, and the job to standard output when it has ended.',
    )
    .argument('[files...]', 'sources (.c .cc .cpp), objects, or one image (.vmi)')
    .allowUnknownOption();
  addClusterSize(addJobOptions(command))
    .option('--out <dir>', 'fetch the files that ranks have written, as <dir>/rank-<n>/<path>')
    .option('--label', 'begin each line of output with its rank')
    .option('--trace', 'say at the end how long each phase took, and the id of the trace')
    .action(action((context, words, options: RunOptions) => run(context, words, options)));
  example(
    command,
    'verbena run -n 8 hello.c',
    'verbena run -n 4 main.c solve.c -Iinclude -DN=100 -lm -- --steps 10 < in.txt',
    'verbena run -n 2 prog.cpp --mem 1G --time 10m --out results',
  );
}
