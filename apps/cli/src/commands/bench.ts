/** verbena bench paper: the papers' experiments on this machine, as a report. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { CliError, usageError } from '../errors.ts';
import type { Plan, Results } from '../bench/experiments.ts';
import { ioPaths } from '../run/run-options.ts';
import { catchStopSignals, signalExitCode } from '../signals.ts';
import { parseCount } from '../terminal/units.ts';
import { progressLine } from '../terminal/progress.ts';

interface Options {
  readonly out: string;
  readonly quick?: boolean;
  readonly paths?: string;
  readonly nas?: string;
  readonly hpl: boolean;
  readonly minutes?: number;
  readonly resume?: boolean;
}

/** What is to be measured: what the options say, or what an earlier time began with. @throws CliError when the options contradict each other */
async function planOf(options: Options, before: Results | undefined): Promise<Plan> {
  const { quickPlan, fullPlan, allKernels } = await import('../bench/experiments.ts');
  const bounded = options.minutes === undefined ? {} : { minutes: options.minutes };
  if (before !== undefined) {
    if (options.quick || options.paths !== undefined || options.nas !== undefined || !options.hpl)
      throw usageError('--resume goes on with what was begun: leave out --quick, --paths, --nas and --no-hpl');
    return { ...before.plan, ...bounded };
  }
  const wanted = options.paths === undefined ? Object.keys(ioPaths) : options.paths.split(',');
  // Native first: what the others are set beside.
  const paths = [...wanted.filter((path) => path === 'native'), ...wanted.filter((path) => path !== 'native')];
  for (const path of paths) if (ioPaths[path] === undefined) throw usageError(`--paths: there is no path ${path}`);
  const kernels = options.nas === undefined ? allKernels : options.nas.split(',').filter((each) => each !== '');
  for (const kernel of kernels) if (!allKernels.some((known) => known === kernel)) throw usageError(`--nas: there is no kernel ${kernel}`);
  const ranks = Math.min(4, Math.max(2, 2 ** Math.floor(Math.log2(availableParallelism()))));
  const hplRanks = options.hpl ? [1, 2, 2 * ranks].filter((each, i, all) => all.indexOf(each) === i) : [];
  return { ...(options.quick ? quickPlan : fullPlan), paths, kernels, ranks, hplRanks, ...bounded };
}

async function paper(context: CommandContext, options: Options): Promise<void> {
  const [
    { machine, measure },
    { keepResults, keptResults, rawFileOf },
    { BenchRunner },
    { htmlReport },
    { startTemporaryCluster },
    { openSession },
  ] = await Promise.all([
    import('../bench/measure.ts'),
    import('../bench/kept-results.ts'),
    import('../bench/runner.ts'),
    import('../bench/report.ts'),
    import('../run/temporary-cluster.ts'),
    import('../endpoint/session.ts'),
  ]);
  const file = resolve(context.io.cwd, options.out);
  const raw = rawFileOf(file);
  const before = options.resume ? await keptResults(raw, machine()) : undefined;
  const plan = await planOf(options, before);
  const progress = progressLine(context.io, context.options);
  const stop = catchStopSignals(() => cluster?.abandon());
  let cluster: Awaited<ReturnType<typeof startTemporaryCluster>> | undefined;
  let latest = before;
  const keep = async (results: Results): Promise<void> => {
    latest = results;
    await keepResults(raw, results);
  };
  try {
    // Two hosts with a core for each rank: jobs are spread over both, or packed onto one.
    cluster = await startTemporaryCluster({ hosts: 2, cores: plan.ranks, verbose: false, onStep: progress.show, signal: stop.signal });
    const runner = new BenchRunner(openSession({ url: cluster.url }, undefined), context.io, stop.signal);
    const results = await measure({ runner, plan, before, tell: progress.show, keep, signal: stop.signal, now: () => performance.now() });
    progress.clear();
    await keep(results);
    await writeFile(file, htmlReport(results));
    await tellResults(context, results, file);
  } catch (error) {
    if (stop.received === undefined) throw error;
    if (latest !== undefined) await writeFile(file, htmlReport(latest));
    const left = latest === undefined ? 'nothing was measured' : `what was measured is in ${file}; go on with --resume`;
    throw new CliError(`interrupted; ${left}`, signalExitCode(stop.received), { cause: error });
  } finally {
    progress.clear();
    await cluster?.stop();
    stop.release();
  }
}

async function tellResults(context: CommandContext, results: Results, file: string): Promise<void> {
  const [{ cellsOf }, { findings }, { missingCells }] = await Promise.all([
    import('../bench/experiments.ts'),
    import('../bench/findings.ts'),
    import('../bench/measure.ts'),
  ]);
  if (context.json) return context.io.out(`${JSON.stringify(results)}\n`);
  for (const line of findings(results)) await context.line(line);
  for (const { experiment, path, round, failed } of results.runs)
    if (failed !== undefined) await context.note(`failed: ${experiment}, ${path}, round ${round}: ${failed}`);
  const [all, missing] = [cellsOf(results.plan).length, missingCells(results.plan, results.runs).length];
  if (missing > 0) await context.note(`time is over: ${all - missing} of ${all} runs were made; go on with --resume`);
  await context.line(`The report is ${file}`);
}

interface MigrationOptions {
  readonly out: string;
  readonly quick?: boolean;
}

async function migration(context: CommandContext, { out, quick }: MigrationOptions): Promise<void> {
  const [{ fullMigrationPlan, measureMigration, quickMigrationPlan }, { migrationFindings, migrationReport }, { BenchRunner }] =
    await Promise.all([import('../bench/migration-experiments.ts'), import('../bench/migration-report.ts'), import('../bench/runner.ts')]);
  const [{ startTemporaryProcesses }, { openSession }] = await Promise.all([
    import('../bench/temporary-processes.ts'),
    import('../endpoint/session.ts'),
  ]);
  const progress = progressLine(context.io, context.options);
  const stop = catchStopSignals(() => undefined);
  let cluster: Awaited<ReturnType<typeof startTemporaryProcesses>> | undefined;
  try {
    const plan = quick ? quickMigrationPlan : fullMigrationPlan;
    // Half of the ranks on each of two hosts, and room for one that comes.
    cluster = await startTemporaryProcesses({ hosts: 2, cores: plan.ranks / 2 + 1, onStep: progress.show, signal: stop.signal });
    const session = openSession({ url: cluster.url }, undefined);
    const image = await new BenchRunner(session, context.io, stop.signal).image('examples/bench/moving.c', ['-O3']);
    const results = await measureMigration(session, image, plan, stop.signal, progress.show);
    progress.clear();
    const file = resolve(context.io.cwd, out);
    await writeFile(file, migrationReport(results));
    await writeFile(file.replace(/\.html$/, '') + '.json', `${JSON.stringify(results, null, 1)}\n`);
    if (context.json) return await context.io.out(`${JSON.stringify(results)}\n`);
    for (const line of migrationFindings(results)) await context.line(line);
    for (const line of results.skipped) await context.note(`not measured: ${line}`);
    await context.line(`The report is ${file}`);
  } finally {
    progress.clear();
    await cluster?.stop();
    stop.release();
  }
}

interface TuneOptions {
  readonly out: string;
  readonly quick?: boolean;
  readonly io: string;
}

/** Up to four ranks a host: more would share cores and measure that. */
const ranksOnHost = Math.min(4, Math.max(2, 2 ** Math.floor(Math.log2(availableParallelism()))));

async function tune(context: CommandContext, { out, quick, io }: TuneOptions): Promise<void> {
  if (ioPaths[io] === undefined) throw usageError(`--io: there is no path ${io}`);
  const [{ measureTuning, tableOf, tuningFile }, { BenchRunner }, { startTemporaryCluster }, { openSession }] = await Promise.all([
    import('../bench/tune.ts'),
    import('../bench/runner.ts'),
    import('../run/temporary-cluster.ts'),
    import('../endpoint/session.ts'),
  ]);
  const progress = progressLine(context.io, context.options);
  const stop = catchStopSignals(() => cluster?.abandon());
  let cluster: Awaited<ReturnType<typeof startTemporaryCluster>> | undefined;
  try {
    cluster = await startTemporaryCluster({ hosts: 2, cores: ranksOnHost, verbose: false, onStep: progress.show, signal: stop.signal });
    const layouts = [
      { where: 'one', ranks: ranksOnHost },
      { where: 'spread', ranks: 2 },
      { where: 'nested', ranks: 2 * ranksOnHost },
    ] as const;
    const plan = { layouts, rounds: quick ? 1 : 3, batchMs: quick ? 2 : 20, path: io };
    const runner = new BenchRunner(openSession({ url: cluster.url }, undefined), context.io, stop.signal);
    const samples = await measureTuning(runner, plan, progress.show);
    progress.clear();
    const rows = tableOf(samples);
    const about = [
      `Measured by "verbena bench tune" on ${new Date().toISOString()}, path ${io}: run a job with --mpi-tuning and this file.`,
    ];
    const file = resolve(context.io.cwd, out);
    await writeFile(file, tuningFile(rows, about));
    if (context.json) return await context.io.out(`${JSON.stringify({ rows, samples })}\n`);
    await context.line(`${String(samples.length)} measurements, ${String(rows.length)} rows: the table is ${file}`);
  } catch (error) {
    if (stop.received === undefined) throw error;
    throw new CliError('interrupted; no table was written', signalExitCode(stop.received), { cause: error });
  } finally {
    progress.clear();
    await cluster?.stop();
    stop.release();
  }
}

export function registerBench({ program, action }: Registry): void {
  const bench = program.command('bench').summary('measure this machine').description('measure this machine');
  example(bench, 'verbena bench paper --quick');
  example(
    bench
      .command('paper')
      .summary("run the papers' experiments")
      .description(
        'run the experiments of the papers on this machine, by every I/O path, and write a report with plots and tables: latency, bandwidth, registration, NAS, Linpack, and whose time it was. Beside the report stand the raw numbers as JSON. What fails is shown as failed, and the rest goes on. All experiments are measured once before any is measured again, and after 25 minutes (5 with --quick) no further run begins; each run is kept, so that --resume goes on where the time was over or somebody interrupted. Leave the machine alone meanwhile.',
      )
      .option('--out <file>', 'the report', 'report.html')
      .option('--quick', 'small problems and two rounds')
      .option('--minutes <count>', 'begin no run after this time', parseCount('--minutes', 1, 10_000))
      .option('--resume', 'go on with the results beside the report; what failed is tried again')
      .option('--paths <list>', 'these I/O paths only, with commas')
      .option('--nas <list>', 'these NAS kernels only, with commas; "" for none')
      .option('--no-hpl', 'without Linpack')
      .action(action((context, _words, options: Options) => paper(context, options))),
    'verbena bench paper --quick --out report.html',
    'verbena bench paper --paths native,bypass,split --nas EP,IS,CG',
    'verbena bench paper --resume --minutes 10',
  );
  example(
    bench
      .command('migration')
      .summary('measure VMs that move')
      .description(
        'move VMs between two hosts in processes of their own, and write a report with plots and tables: total time and standing against memory in use and against what is written meanwhile, RDMA against TCP, clustering of pages, latency meanwhile, and a program on many VMs of which one moves. Beside the report stand the raw numbers as JSON. Leave the machine alone meanwhile. Needs nats-server.',
      )
      .option('--out <file>', 'the report', 'migration.html')
      .option('--quick', 'fewer sizes and moves: two minutes')
      .action(action((context, _words, options: MigrationOptions) => migration(context, options))),
    'verbena bench migration --quick --out migration.html',
  );
  example(
    bench
      .command('tune')
      .summary('find the quickest algorithms of collectives')
      .description(
        'measure every algorithm of the collectives of the MPI library between ranks of one host, of several hosts, and both, and write a table of the quickest by size. Jobs take it by --mpi-tuning. Leave the machine alone meanwhile.',
      )
      .option('--out <file>', 'the table', 'mpi.tuning')
      .option('--io <path>', 'how the VMs reach the adapter', 'bypass')
      .option('--quick', 'one short round: a minute')
      .action(action((context, _words, options: TuneOptions) => tune(context, options))),
    'verbena bench tune --out mpi.tuning',
    'verbena run -n 8 --mpi-tuning mpi.tuning prog.c',
  );
}
