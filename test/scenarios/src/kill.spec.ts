/**
 * kill -9 of each process in turn, at each step of a job from its submission until its VMs are idle. VERBENA_KILL_RUNS says how many runs (the full
 * campaign, `npm run kill-campaign`, is 200), VERBENA_KILL_MOVES in how many a VM moves meanwhile, and VERBENA_KILL_SEED with which one to begin, so that a run that failed can be had again alone.
 */
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { killRun, moveRun, moveUnderKill, nothingIsLeft, ProcessCluster, runUnderKill, Sandbox } from '@verbena/framework';
import { readImageFile, type GuestImage } from '@verbena/guest-image';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const hosts = 2;
const cores = 2;
const runs = Number(process.env['VERBENA_KILL_RUNS'] ?? 9);
/** Runs in which a VM moves. */
const moves = Number(process.env['VERBENA_KILL_MOVES'] ?? 2);
/** A file that tells of each run as it ends. */
const journal = process.env['VERBENA_KILL_JOURNAL'];
const firstSeed = Number(process.env['VERBENA_KILL_SEED'] ?? 0);
/** What is left over is looked for so often: in between, one run's victim may still be on its way back when the next one's dies. */
const inspectEvery = 10;

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

describe('whatever is killed, and when', () => {
  let cluster: ProcessCluster;
  let sandbox: Sandbox;
  let image: GuestImage;
  beforeAll(async () => {
    [cluster, sandbox] = await Promise.all([ProcessCluster.start({ hosts, cores }), Sandbox.create()]);
    const source = await sandbox.file('meets.c', program);
    const { code, stderr } = await sandbox.start(['cc', source, '-o', 'meets.vmi'], { timeoutMs: 400_000 }).ended;
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
    image = readImageFile(await readFile(join(sandbox.work, 'meets.vmi')));
  }, 500_000);
  afterAll(async () => {
    await cluster?.stop();
    await sandbox?.destroy();
  });

  const note = (text: string): Promise<void> =>
    journal === undefined ? Promise.resolve() : appendFile(journal, `${new Date().toISOString()} ${text}\n`);
  const inspect = async (wrongs: string[]): Promise<void> => {
    const left = await nothingIsLeft(cluster, hosts, cores).catch(String);
    await note(left ?? 'nothing is left over');
    if (left !== undefined) wrongs.push(left);
  };
  /** Runs from the first seed on, with an inspection now and then and at the end. */
  const campaign = async (
    count: number,
    one: (seed: number) => Promise<readonly [what: string, wrong: string | undefined]>,
  ): Promise<void> => {
    const wrongs: string[] = [];
    for (let seed = firstSeed; seed < firstSeed + count; seed++) {
      const began = performance.now();
      const [what, wrong] = await one(seed);
      const story = `seed ${String(seed)}: ${what}: ${wrong ?? 'held'} (${((performance.now() - began) / 1000).toFixed(1)} s)`;
      await note(story);
      if (wrong !== undefined) wrongs.push(story);
      if ((seed + 1) % inspectEvery === 0) await inspect(wrongs);
    }
    if (count % inspectEvery !== 0) await inspect(wrongs);
    expect(wrongs).toEqual([]);
  };

  it(
    `no job is lost, none runs twice, and nothing is left over: ${String(runs)} runs from seed ${String(firstSeed)}`,
    async () => {
      const victims = [...cluster.names, 'postgres'];
      await campaign(runs, async (seed) => {
        const run = killRun(seed, victims, hosts * cores);
        return [`${run.victim} at "${run.step.name}"`, await runUnderKill(cluster, image, run).catch(String)];
      });
    },
    (1 + runs) * 60_000,
  );

  it(
    `a VM that moves runs once, here or there: ${String(moves)} runs from seed ${String(firstSeed)}`,
    async () => {
      const victims = ['cancel', ...cluster.names, 'postgres'];
      await campaign(moves, async (seed) => {
        const run = moveRun(seed, victims);
        const { wrong, phase } = await moveUnderKill(cluster, image, run).catch((error: unknown) => ({ wrong: String(error), phase: '?' }));
        return [`${run.victim} at "${run.step.name}", rank ${String(run.rank)} by ${run.transport}, ${phase}`, wrong];
      });
    },
    (1 + moves) * 120_000,
  );
});
