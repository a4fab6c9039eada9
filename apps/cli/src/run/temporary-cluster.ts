/** A cluster for one run, when none is up: in this process, with a data directory that goes when the run ends. */
import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryCluster {
  readonly url: string;
  stop(): Promise<void>;
  /** For the way out in a hurry: removes what can be removed without waiting. */
  abandon(): void;
}

export interface TemporaryClusterOptions {
  readonly hosts: number;
  readonly cores: number;
  readonly verbose: boolean;
  readonly onStep: (text: string) => void;
  /** When it aborts, what has started is stopped again. */
  readonly signal: AbortSignal;
}

const temporaryPrefix = 'verbena-run-';

export async function startTemporaryCluster(options: TemporaryClusterOptions): Promise<TemporaryCluster> {
  const [{ startCluster }, { lockDataDirectory }] = await Promise.all([import('../up/cluster.ts'), import('../up/lock.ts')]);
  await sweepAbandoned(tmpdir());
  const dataDir = await mkdtemp(join(tmpdir(), temporaryPrefix));
  const lock = await lockDataDirectory(dataDir);
  const remove = async (): Promise<void> => {
    await lock.release();
    await removeDirectory(dataDir);
    const { sweepEmbeddedPostgres } = await import('@verbena/event-store');
    await sweepEmbeddedPostgres();
  };
  try {
    const cluster = await startCluster({
      dataDir,
      hosts: options.hosts,
      cores: options.cores,
      logLevel: options.verbose ? 'info' : 'silent',
      signal: options.signal,
      onStep: (step) => options.onStep(`starting a cluster: ${step}`),
    });
    return {
      url: cluster.url,
      stop: async () => {
        await cluster.stop();
        await remove();
      },
      abandon: () => rmSync(dataDir, { recursive: true, force: true }),
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

const removeDirectory = (path: string): Promise<void> => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });

/** A run that was killed could not remove its directory. One that nobody holds, and that nobody is about to take, goes with the next run. */
export async function sweepAbandoned(parent: string, now = Date.now()): Promise<void> {
  const { lockDataDirectory } = await import('../up/lock.ts');
  for (const name of await readdir(parent).catch(() => [])) {
    if (!name.startsWith(temporaryPrefix)) continue;
    const path = join(parent, name);
    const { mtimeMs, uid } = await stat(path).catch(() => ({ mtimeMs: now, uid: -1 }));
    if (now - mtimeMs < youngMs || uid !== process.getuid?.()) continue;
    try {
      const lock = await lockDataDirectory(path);
      await lock.release();
      await removeDirectory(path);
    } catch {
      // It is in use.
    }
  }
}

/** Between the making of a directory and its lock there is a moment. */
const youngMs = 60_000;
