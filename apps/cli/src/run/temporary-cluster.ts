/** A cluster for one run, when none is up: in this process, with a data directory that goes when the run ends. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
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

export const temporaryPrefix = 'verbena-run-';

export async function startTemporaryCluster(options: TemporaryClusterOptions): Promise<TemporaryCluster> {
  const { startCluster } = await import('../up/cluster.ts');
  const dataDir = await mkdtemp(join(tmpdir(), temporaryPrefix));
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
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
