/**
 * kill -9 of each process in turn, at each step of a job's start and end. VERBENA_KILL_RUNS says how many runs (the full campaign is 200), and
 * VERBENA_KILL_SEED with which one to begin, so that a run that failed can be had again alone.
 */
import { appendFile } from 'node:fs/promises';
import { imagev1, jobv1 } from '@verbena/contracts';
import { killRun, nothingIsLeft, ProcessCluster, runUnderKill, Sandbox } from '@verbena/framework';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const hosts = 2;
const cores = 2;
const runs = Number(process.env['VERBENA_KILL_RUNS'] ?? 9);
/** A file that tells of each run as it ends. */
const journal = process.env['VERBENA_KILL_JOURNAL'];
const firstSeed = Number(process.env['VERBENA_KILL_SEED'] ?? 0);

/** Each rank says once that it has begun, and once that all have met it. */
const program = `
#include <stdio.h>
#include <unistd.h>
#include <mpi.h>
int main(int argc, char **argv) {
  int rank, size;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  printf("begin %s %d\\n", argv[1], rank);
  fflush(stdout);
  for (int i = 0; i < 5; i++) {
    MPI_Barrier(MPI_COMM_WORLD);
    usleep(20000);
  }
  printf("end %s %d\\n", argv[1], rank);
  MPI_Finalize();
  return 0;
}
`;

describe('whatever is killed, and when', () => {
  let cluster: ProcessCluster;
  let sandbox: Sandbox;
  let image = '';
  beforeAll(async () => {
    [cluster, sandbox] = await Promise.all([ProcessCluster.start({ hosts, cores }), Sandbox.create()]);
    const source = await sandbox.file('meets.c', program);
    const running = sandbox.start(['--endpoint', cluster.url, 'run', '-n', '2', source, '--', 'first'], { timeoutMs: 400_000 });
    const { code, stderr } = await running.ended;
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
    const ref = (await cluster.client(jobv1.JobService).listJobs({})).jobs[0]?.imageDigest ?? '';
    // For everybody: who submits below is somebody else than the user of the command line.
    const images = cluster.client(imagev1.ImageService);
    const { image: made } = await images.getImage({ ref });
    await images.registerImage({ name: 'meets', manifest: made?.manifest ?? new Uint8Array(), chunks: made?.chunks ?? [], public: true });
    image = ref;
  }, 500_000);
  afterAll(async () => {
    await cluster?.stop();
    await sandbox?.destroy();
  });

  it(
    `no job is lost, none runs twice, and nothing is left over: ${String(runs)} runs from seed ${String(firstSeed)}`,
    async () => {
      const victims = [...cluster.names, 'postgres'];
      for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
        const run = killRun(seed, victims, hosts * cores);
        const wrong = await runUnderKill(cluster, image, run).catch(
          (error: unknown) => `${String(error)} (${String((error as Error).cause)})`,
        );
        expect(wrong, `seed ${String(seed)}: ${run.victim} was killed at ${run.step}`).toBeUndefined();
        if (journal !== undefined)
          await appendFile(journal, `${new Date().toISOString()} seed ${String(seed)}: ${run.victim} at ${run.step}: held\n`);
      }
      await nothingIsLeft(cluster, hosts, cores);
    },
    runs * 60_000,
  );
});
