/**
 * kill -9 of each process in turn, at each step of a job from its submission until its VMs are idle. VERBENA_KILL_RUNS says how many runs (the full
 * campaign, `npm run kill-campaign`, is 200), VERBENA_KILL_MOVES in how many a VM moves meanwhile, and VERBENA_KILL_SEED with which one to begin, so that a run that failed can be had again alone.
 * One cluster serves all runs, unless VERBENA_KILL_FRESH is 1.
 */
import { appendFile, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Hits,
  jobPhases,
  jobStages,
  killRun,
  killSteps,
  LogWatch,
  migrationStages,
  moveRun,
  moveUnderKill,
  nothingIsLeft,
  ProcessCluster,
  runUnderKill,
  Sandbox,
  type KillEnd,
} from '@verbena/framework';
import { readImageFile, type GuestImage } from '@verbena/guest-image';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const hosts = 2;
/** Room for the job whose step it is, and for the two beside it. */
const cores = 3;
const mostProcesses = 4;
const runs = Number(process.env['VERBENA_KILL_RUNS'] ?? 9);
/** Runs in which a VM moves. */
const moves = Number(process.env['VERBENA_KILL_MOVES'] ?? 2);
/** A file that tells of each run as it ends. */
const journal = process.env['VERBENA_KILL_JOURNAL'];
const firstSeed = Number(process.env['VERBENA_KILL_SEED'] ?? 0);
/** Each run in a cluster of its own, that knows of no run before. */
const fresh = process.env['VERBENA_KILL_FRESH'] === '1';
/** What is left over is looked for so often: in between, one run's victim may still be on its way back when the next one's dies. */
const inspectEvery = 2;

/** Each rank says once that it has begun, and once that all have met it; rank 0 leaves a file. */
const program = `
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <mpi.h>
int main(int argc, char **argv) {
  int rank, size;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  printf("begin %s %d\\n", argv[1], rank);
  fflush(stdout);
  for (int i = 0; i < atoi(argv[2]); i++) {
    int mine = i + rank, sum;
    MPI_Allreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (sum != i * size + size * (size - 1) / 2) MPI_Abort(MPI_COMM_WORLD, 3);
    usleep(20000);
  }
  if (rank == 0) {
    FILE *file = fopen("result.txt", "w");
    fputs(argv[1], file);
    fclose(file);
  }
  printf("end %s %d\\n", argv[1], rank);
  MPI_Finalize();
  return 0;
}
`;

/** A cluster in which everything that can be killed is, and what is needed to look at it. */
interface Stage {
  readonly cluster: ProcessCluster;
  readonly watch: LogWatch;
}

async function setStage(): Promise<Stage> {
  const cluster = await ProcessCluster.start({ hosts, cores });
  return { cluster, watch: await LogWatch.open(cluster.databaseUrl) };
}

async function strike({ cluster, watch }: Stage): Promise<void> {
  await watch.close();
  await cluster.stop();
}

/** What one run came to. */
interface Outcome {
  readonly what: string;
  readonly wrong: string | undefined;
  readonly victim: string;
  readonly stages: readonly string[];
}

describe('whatever is killed, and when', () => {
  let stage: Stage;
  let sandbox: Sandbox;
  let image: GuestImage;
  beforeAll(async () => {
    [stage, sandbox] = await Promise.all([setStage(), Sandbox.create()]);
    const source = await sandbox.file('meets.c', program);
    const { code, stderr } = await sandbox.start(['cc', source, '-o', 'meets.vmi'], { timeoutMs: 400_000 }).ended;
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
    image = readImageFile(await readFile(join(sandbox.work, 'meets.vmi')));
  }, 500_000);
  afterAll(async () => {
    if (stage !== undefined) await strike(stage);
    await sandbox?.destroy();
  });

  const note = (text: string): Promise<void> =>
    journal === undefined ? Promise.resolve() : appendFile(journal, `${new Date().toISOString()} ${text}\n`);
  /** What is wrong with what is left. */
  const inspect = async (): Promise<readonly string[]> => {
    const began = performance.now();
    const left = await nothingIsLeft(stage.cluster, hosts, cores).catch(String);
    await note(`${left ?? 'nothing is left over, and the read models are as replayed'} (${seconds(began)})`);
    return left === undefined ? [] : [left];
  };
  /** What the processes said, and all events, beside the journal: a run that failed is told of by more than its number. */
  const keep = async (seed: number): Promise<void> => {
    if (journal === undefined) return;
    const directory = `${journal}-seed-${String(seed)}`;
    await cp(join(stage.cluster.dataDir, 'logs'), directory, { recursive: true });
    const events = (await stage.watch.between(0n, await stage.watch.head())).map((event) => JSON.stringify(event, plain));
    await writeFile(join(directory, 'events.jsonl'), `${events.join('\n')}\n`);
    await note(`seed ${String(seed)}: logs and events are kept in ${directory}`);
  };

  /** Runs from the first seed on. */
  const campaign = async (count: number, hits: Hits, one: (seed: number) => Promise<Outcome>): Promise<void> => {
    if (count === 0) return;
    const wrongs: string[] = [];
    for (let seed = firstSeed; seed < firstSeed + count; seed++) {
      if (fresh && seed > firstSeed) {
        await strike(stage);
        stage = await setStage();
      }
      const began = performance.now();
      const { what, wrong, victim, stages } = await one(seed);
      for (const each of stages) hits.add(victim, each);
      const story = `seed ${String(seed)}: ${what}: ${wrong ?? 'held'} (${seconds(began)})`;
      await note(story);
      const found = wrong === undefined ? [] : [story];
      if (fresh || (seed + 1) % inspectEvery === 0 || seed === firstSeed + count - 1) found.push(...(await inspect()));
      if (found.length > 0) await keep(seed);
      wrongs.push(...found);
    }
    for (const line of hits.table().split('\n')) await note(line);
    expect(wrongs).toEqual([]);
  };

  it(
    `no job is lost, none runs twice, and nothing is left over: ${String(runs)} runs from seed ${String(firstSeed)}`,
    async () => {
      const victims = victimsOf(stage.cluster);
      const hits = new Hits(jobStages, victims);
      await campaign(runs, hits, async (seed) => {
        const run = killRun(seed, victims, mostProcesses);
        const { wrong, stages } = await runUnderKill(stage.cluster, stage.watch, image, run).catch(failed);
        return { what: `${run.victim} at "${run.step.name}", jobs ${stages.join(', ')}`, wrong, victim: run.victim, stages };
      });
      // A campaign in which somebody was never killed in some phase has not asked what it is for.
      if (runs >= victims.length * killSteps.length) expect(hits.missing(jobPhases)).toEqual([]);
    },
    (1 + runs) * 60_000,
  );

  it(
    `a VM that moves runs once, here or there: ${String(moves)} runs from seed ${String(firstSeed)}`,
    async () => {
      const victims = ['cancel', ...victimsOf(stage.cluster)];
      await campaign(moves, new Hits(migrationStages, victims), async (seed) => {
        const run = moveRun(seed, victims);
        const { wrong, phase, stages } = await moveUnderKill(stage.cluster, stage.watch, image, run).catch((error: unknown) => ({
          ...failed(error),
          phase: '?',
        }));
        const what = `${run.victim} at "${run.step.name}", rank ${String(run.rank)} by ${run.transport}, ${stages.join(', ')}, ${phase}`;
        return { what, wrong, victim: run.victim, stages };
      });
    },
    (1 + moves) * 120_000,
  );
});

const victimsOf = ({ names }: ProcessCluster): readonly string[] => [...names, 'postgres'];
const failed = (error: unknown): KillEnd => ({ wrong: String(error), stages: [] });
const seconds = (began: number): string => `${((performance.now() - began) / 1000).toFixed(1)} s`;
/** For JSON. */
const plain = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
