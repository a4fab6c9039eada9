/** verbena up in the foreground: starts, says so in a few lines, and runs until it is asked to stop. */
import { join } from 'node:path';
import type { CommandContext } from '../command-context.ts';
import { parseListen, type UpOptions } from '../commands/up.ts';
import { removeEndpoint, startTimeOf, writeEndpoint } from '../endpoint/endpoint-file.ts';
import { SilentExit } from '../errors.ts';
import { catchStopSignals, signalExitCode } from '../signals.ts';
import { progressLine } from '../terminal/progress.ts';
import { version } from '../version.ts';
import { announcement } from './announcement.ts';
import { startCluster } from './cluster.ts';
import { doorOptions, type DoorOptions } from './door.ts';
import { lockDataDirectory } from './lock.ts';

export async function upForeground(context: CommandContext, options: UpOptions): Promise<number> {
  const { dataDir } = context.where;
  const stop = catchStopSignals();
  const lock = await lockDataDirectory(dataDir);
  const progress = progressLine(context.io, context.options);
  try {
    const door = doorOptions(options, context.io.cwd);
    const start = options.processes === true ? (await import('./processes/cluster.ts')).startProcessCluster : startCluster;
    const cluster = await start({
      dataDir,
      hosts: options.hosts,
      cores: options.cores,
      ...(options.memory === undefined ? {} : { memoryBytes: options.memory }),
      ...(options.portRate === undefined ? {} : { portRate: options.portRate }),
      ...(options.listen === undefined ? {} : { listen: await parseListen(options.listen) }),
      ...(context.options.verbose ? {} : { logFile: join(dataDir, 'verbena.log') }),
      door,
      signal: stop.signal,
      onStep: (step) => progress.show(`starting: ${step}`),
    });
    progress.clear();
    try {
      await announce(context, cluster, options, door);
      if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }));
    } finally {
      await stopCluster(context, cluster, dataDir);
    }
    return 0;
  } catch (error) {
    if (stop.received) throw new SilentExit(signalExitCode(stop.received));
    throw error;
  } finally {
    progress.clear();
    await lock.release();
    stop.release();
  }
}

/** What is up, in one process or in many. */
interface Up {
  readonly url: string;
  readonly dataDir: string;
  stop(): Promise<readonly string[]>;
}

async function announce(context: CommandContext, cluster: Up, options: UpOptions, { tls }: DoorOptions): Promise<void> {
  const started = await startTimeOf(process.pid);
  await writeEndpoint(cluster.dataDir, {
    url: cluster.url,
    pid: process.pid,
    ...(started === undefined ? {} : { started }),
    version,
    ...(tls && { authority: tls.certificate }),
    startedAt: new Date().toISOString(),
  });
  const { url, dataDir } = cluster;
  await context.io.out(announcement({ url, pid: process.pid, dataDir, hosts: options.hosts, cores: options.cores }, context.json));
  await context.note('Ctrl-C stops it.');
}

async function stopCluster(context: CommandContext, cluster: Up, dataDir: string): Promise<void> {
  // A reader that has gone must not keep the cluster from stopping in order.
  await context.note('Stopping ...').catch(() => undefined);
  await removeEndpoint(dataDir, process.pid);
  const late = await cluster.stop();
  await context.note(late.length === 0 ? 'Stopped.' : `Stopped; did not end in order: ${late.join(', ')}`).catch(() => undefined);
}
