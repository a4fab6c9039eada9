/** What an increment of a checkpoint stores, against what has changed: 8 ranks of 64 MiB that write all the time. */
import { migrationv1 } from '@verbena/contracts';
import { MovingJob, ProcessCluster } from '@verbena/framework';
import { compile } from '@verbena/toolchain';
import type { Figure } from './figure.ts';

export interface CheckpointFigures {
  readonly figures: readonly Figure[];
  close(): Promise<void>;
}

interface Increment {
  readonly newBytes: number;
  readonly changedBytes: number;
}

const program = new URL('../../../examples/bench/moving.c', import.meta.url).pathname;
const mebibyte = 1 << 20;
const pageBytes = 4_096;
const ranks = 8;
const pagesPerMs = 1;

export function checkpointFigures(): CheckpointFigures {
  const saving = new SavingJob();
  return {
    figures: [
      {
        ...{ name: 'coordinated checkpoint of 8 x 64 MB, second increment', unit: 'B', smallerIsBetter: true, rounds: 3 },
        ...{ floor: 1.2, aim: 1.05 },
        ours: { name: 'verbena, stored', measure: async () => (await saving.next('ours')).newBytes },
        peer: { name: 'pages that have changed', measure: async () => (await saving.next('peer')).changedBytes },
      },
    ],
    close: () => saving.close(),
  };
}

/** The same increments for both sides, each taken when one of them first asks for it. */
class SavingJob {
  readonly #increments: Promise<Increment>[] = [];
  readonly #asked = { ours: 0, peer: 0 };
  #started: Promise<{ readonly cluster: ProcessCluster; readonly job: MovingJob }> | undefined;

  next(side: 'ours' | 'peer'): Promise<Increment> {
    const index = this.#asked[side]++;
    return (this.#increments[index] ??= this.#take());
  }

  async close(): Promise<void> {
    const both = await this.#started?.catch(() => undefined);
    await both?.job.cancel();
    await both?.cluster.stop();
  }

  async #take(): Promise<Increment> {
    const { cluster, job } = await (this.#started ??= this.#start());
    return save(cluster, job.id);
  }

  /** With a full checkpoint and a first increment. */
  async #start(): Promise<{ readonly cluster: ProcessCluster; readonly job: MovingJob }> {
    let said = '';
    const onDiagnostics = (text: string): void => void (said += text);
    const { exitCode, image } = await compile({ language: 'c', args: ['-O3', program], cwd: process.cwd(), onDiagnostics });
    if (exitCode !== 0 || image === undefined) throw new Error(`${program} did not compile (${exitCode}):\n${said}`);
    const cluster = await ProcessCluster.start({ hosts: 2, cores: ranks / 2 });
    const wish = { image, args: ['dirty', '64', String(pagesPerMs)], processes: ranks, memoryBytes: 80 * mebibyte };
    const job = await MovingJob.start(cluster.url, { ...wish, signal: new AbortController().signal });
    for (let before = 0; before < 2; before++) await save(cluster, job.id);
    return { cluster, job };
  }
}

async function save(cluster: ProcessCluster, jobId: string): Promise<Increment> {
  const client = cluster.client(migrationv1.CheckpointService);
  const { checkpoint } = await client.checkpointJob({ jobId });
  for await (const { checkpoint: now } of client.watchCheckpoint({ id: checkpoint?.id ?? '' })) {
    if (now?.phase === 'stored') return { newBytes: Number(now.newBytes), changedBytes: Number(now.changedPages) * pageBytes };
    if (now?.phase === 'failed') throw new Error(`the job was not saved: ${now.detail}`);
  }
  throw new Error(`nobody has told how ${checkpoint?.id ?? 'the checkpoint'} ended`);
}
