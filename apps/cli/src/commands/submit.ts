/** verbena submit: as run, but does not wait. */
import { jobv1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { SilentExit, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { buildImageOf } from '../run/build.ts';
import { submitJob } from '../run/prepare-job.ts';
import { addJobOptions, compilerFlags, jobName, jobSpec, type JobOptions } from '../run/run-options.ts';
import { startTrace } from '../run/trace.ts';
import { readStandardInput } from '../run/standard-input.ts';
import { catchStopSignals, signalExitCode } from '../signals.ts';
import { progressLine } from '../terminal/progress.ts';

async function submit(context: CommandContext, words: readonly string[], options: JobOptions & { stdin?: boolean }): Promise<void> {
  if (words.length === 0 && !options.image) throw usageError('submit what? Name a C file, a .vmi file, or --image');
  if (words.length > 0 && options.image) throw usageError('--image names the program already; leave out the files');
  jobSpec({ options, name: '', image: '', args: [], env: context.io.env, stdin: new Uint8Array(), inputFiles: [] });
  const trace = await startTrace('verbena submit', context.io);
  let exitCode: number = exitCodes.failed;
  let jobId: string | undefined;
  const session = await context.session(trace.traceparent);
  const stop = catchStopSignals();
  const progress = progressLine(context.io, context.options);
  try {
    const built = words.length > 0 ? await buildImageOf(words, compilerFlags(options), context.io, progress.show, stop.signal) : undefined;
    const stdin = options.stdin ? await readStandardInput(context.io, (text) => void context.note(text), stop.signal) : new Uint8Array();
    const job = await submitJob(session, {
      options,
      name: jobName(options, words),
      image: built?.image,
      args: context.programArgs,
      env: context.io.env,
      cwd: context.io.cwd,
      stdin,
      signal: stop.signal,
      onStep: progress.show,
    });
    jobId = job.id;
    exitCode = exitCodes.ok;
    progress.clear();
    if (context.json) await context.printJson(jobv1.JobSchema, job);
    else await context.line(job.id);
  } catch (error) {
    if (stop.received) throw new SilentExit(signalExitCode(stop.received));
    throw error;
  } finally {
    progress.clear();
    await trace.end({ exitCode, ...(jobId === undefined ? {} : { jobId }) });
    stop.release();
  }
}

export function registerSubmit({ program, action }: Registry): void {
  const command = program
    .command('submit')
    .summary('build a program and queue it, without waiting')
    .description(
      'Builds a program, puts it into the queue and prints the job id. Takes what "verbena run" takes, and needs a cluster that is up.',
    )
    .argument('[files...]', 'sources (.c .cc .cpp), objects, or one image (.vmi)')
    .allowUnknownOption();
  addJobOptions(command)
    .option('--stdin', 'read standard input for rank 0')
    .action(action((context, words, options: JobOptions & { stdin?: boolean }) => submit(context, words, options)));
  example(command, 'job=$(verbena submit -n 8 prog.c --time 1h) && verbena logs -f "$job"', 'verbena submit -n 4 --image ep:2 -- 100');
}
