/** A cluster of processes for one benchmark, in a directory that goes when it ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcessCluster } from '../up/processes/cluster.ts';

export interface TemporaryProcesses {
  readonly url: string;
  stop(): Promise<void>;
}

export interface TemporaryProcessesOptions {
  readonly hosts: number;
  readonly cores: number;
  readonly onStep: (text: string) => void;
  readonly signal: AbortSignal;
}

export async function startTemporaryProcesses({ onStep, ...options }: TemporaryProcessesOptions): Promise<TemporaryProcesses> {
  const dataDir = await mkdtemp(join(tmpdir(), 'verbena-bench-'));
  const remove = async (): Promise<void> => {
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    const { sweepEmbeddedPostgres } = await import('@verbena/event-store');
    await sweepEmbeddedPostgres();
  };
  try {
    const logFile = join(dataDir, 'logs', 'launcher.log');
    const show = (step: string): void => onStep(`starting a cluster: ${step}`);
    const cluster = await startProcessCluster({ ...options, dataDir, logFile, logLevel: 'warn', onStep: show });
    return {
      url: cluster.url,
      stop: async () => {
        await cluster.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
