/** Each service and each node-agent in a process of its own; NATS and Postgres are real. What is killed comes back, and nobody has to help. */
import { setTimeout as delay } from 'node:timers/promises';
import { eventv1, jobv1, migrationv1, nodev1 } from '@verbena/contracts';
import { example, guest, ProcessCluster, Sandbox, type Ended, type Running } from '@verbena/framework';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Ticks for some seconds, so that things can be killed meanwhile, and says what it has counted. */
const ticking = `
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <mpi.h>
int main(int argc, char **argv) {
  int rank, size, sum = 0;
  int ticks = argc > 1 ? atoi(argv[1]) : 40;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  for (int i = 0; i < ticks; i++) {
    int one = 1, all = 0;
    MPI_Allreduce(&one, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    sum += all;
    if (rank == 0) { printf("tick %d\\n", i); fflush(stdout); }
    usleep(100000);
  }
  if (rank == 0) printf("counted %d\\n", sum);
  MPI_Finalize();
  return 0;
}
`;

describe('a cluster of processes', () => {
  let cluster: ProcessCluster;
  let sandbox: Sandbox;
  let program: string;
  beforeAll(async () => {
    [cluster, sandbox] = await Promise.all([ProcessCluster.start({ hosts: 2, cores: 3, standby: ['scheduler'] }), Sandbox.create()]);
    program = await sandbox.file('ticking.c', ticking);
    // The MPI library is compiled with the first program of a fresh clone, which takes its time.
    await sandbox.cli(['cc', '-o', `${program}.vmi`, program], { timeoutMs: 280_000 });
  }, 300_000);
  afterAll(async () => {
    expect(await cluster?.stop()).toEqual([]);
    await sandbox?.destroy();
  });

  const run = (...args: string[]): Promise<Ended> => sandbox.cli(['--endpoint', cluster.url, 'run', ...args]);
  const start = (...args: string[]): Running => sandbox.start(['--endpoint', cluster.url, 'run', ...args]);
  const verified = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await run(...args);
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  };
  const job = async (): Promise<jobv1.Job | undefined> => (await cluster.client(jobv1.JobService).listJobs({})).jobs[0];

  it('runs a job across node-agents that share no memory', async () => {
    await verified('-n', '4', example('hello'));
    expect(new Set((await job())?.ranks.map(({ nodeId }) => nodeId)).size).toBe(2);
  });

  it('moves VMs of a running job from process to process, and no message is lost', async () => {
    const migrations = cluster.client(migrationv1.MigrationService);
    // It goes on until two of its ranks have seen another host.
    const running = start('-n', '4', guest('until-moved'), '--', '2');
    await running.printed(/step 3\n/, 150_000);
    const ranks = (await job())?.ranks ?? [];
    const { TCP, RDMA } = migrationv1.MigrationTransport;
    for (const [node, transport] of [
      ['node-0', TCP],
      ['node-1', RDMA],
    ] as const) {
      const vmId = ranks.find(({ nodeId }) => nodeId === node)?.vmId ?? '';
      const { migration } = await migrations.migrateVm({ vmId, transfer: { transport } });
      for await (const { migration: now } of migrations.watchMigration({ id: migration?.id ?? '' }))
        if (now?.endedAt !== undefined) expect([now.phase, now.detail, now.sourceNodeId]).toEqual(['completed', '', node]);
    }
    const { code, stdout } = await running.ended;
    expect([code, stdout.split('\n').at(-2)]).toEqual([0, 'moved 2']);
  });

  it('starts a job anew from its last checkpoint when a node-agent is killed, and says what comes again', async () => {
    const checkpoints = cluster.client(migrationv1.CheckpointService);
    // It goes on until its ranks are in other VMs than those in which they began.
    const running = start('-n', '4', guest('until-restarted'), '--requeue', '--checkpoint-every', '1s');
    await running.printed(/step 40\n/, 150_000);
    const id = (await job())?.id ?? '';
    const stored = async (): Promise<boolean> =>
      (await checkpoints.listCheckpoints({ jobId: id })).checkpoints.some(({ phase }) => phase === 'stored');
    await expect.poll(stored, { timeout: 120_000 }).toBe(true);
    await cluster.kill('node-1');
    const { code, stderr } = await running.ended;
    expect([code, stderr]).toEqual([0, expect.stringMatching(/runs again \(attempt 2\), from its last checkpoint/)]);
    const last = await job();
    expect(last).toMatchObject({
      id,
      attempt: 2,
      state: jobv1.JobState.COMPLETED,
      restoredFrom: expect.stringMatching(/^ckpt-/) as string,
    });
    // Who reads it afterwards finds each line once.
    const { stdout } = await sandbox.cli(['--endpoint', cluster.url, 'logs', id]);
    const steps = stdout.split('\n').slice(0, -2);
    expect(steps).toEqual(steps.map((_, index) => `step ${String(20 * index)}`));
    expect(stdout.endsWith(`rounds ${String(steps.length)}\n`)).toBe(true);
  });

  it.each(['storage', 'image-manager', 'migration-controller', 'frontend-gateway'])(
    'goes on with a running job while %s is killed and comes back',
    async (service) => {
      const { jobs } = await cluster.client(jobv1.JobService).listJobs({});
      const running = start('-n', '2', program, '--', '30');
      await running.printed(/tick 3\n/);
      await cluster.kill(service);
      await cluster.ready();
      await running.ended;
      // Whoever watched through the gateway that was killed may have lost the connection; the job has not.
      await expect.poll(async () => (await job())?.state, { timeout: 60_000 }).toBe(jobv1.JobState.COMPLETED);
      expect((await cluster.client(jobv1.JobService).listJobs({})).jobs.length).toBe(jobs.length + 1);
      await verified('-n', '4', example('hello'));
    },
  );

  it('goes on with a running job while the scheduler is killed, and runs the next', async () => {
    const running = start('-n', '2', program, '--', '30');
    await running.printed(/tick 3\n/);
    const before = await job();
    await cluster.kill('scheduler');
    await cluster.ready();
    await expect
      .poll(async () => (await cluster.client(jobv1.JobService).getJob({ id: before?.id ?? '' })).job?.state, { timeout: 60_000 })
      .toBe(jobv1.JobState.COMPLETED);
    await running.ended;
    await verified('-n', '4', example('hello'));
  });

  it('goes on under the other scheduler when the one that leads is gone, and has one leader at a time', async () => {
    const terms = async (): Promise<string[]> => {
      const filter = { stream: 'leader-scheduler' };
      const { events } = await cluster.client(eventv1.EventService).listEvents({ filter, pageSize: 1_000 });
      return events.map(({ data }) => (JSON.parse(new TextDecoder().decode(data)) as { candidate: string }).candidate);
    };
    const leader = (await terms()).at(-1) ?? '';
    const name = ['scheduler', 'scheduler-2'].find((each) => leader.endsWith(`-${String(cluster.pid(each))}`)) ?? '';
    const other = name === 'scheduler' ? 'scheduler-2' : 'scheduler';
    const running = start('-n', '2', program, '--', '30');
    await running.printed(/tick 3\n/);
    await cluster.hold(name);
    try {
      const { code, stdout } = await running.ended;
      expect([code, stdout.endsWith('counted 60\n')]).toEqual([0, true]);
      expect((await terms()).at(-1)).toMatch(new RegExp(`-${String(cluster.pid(other))}$`));
      await verified('-n', '4', example('hello'));
    } finally {
      cluster.release(name);
    }
    await cluster.ready();
    const before = await terms();
    await verified('-n', '4', example('hello'));
    // One that comes back stands by.
    expect(await terms()).toEqual(before);
  });

  it('frees what a node-agent held that was killed, and gives it work again', async () => {
    const running = start('-n', '4', program, '--', '600');
    await running.printed(/tick 3\n/);
    await cluster.kill('node-1');
    const { code } = await running.ended;
    expect(code).not.toBe(0);
    await cluster.ready();
    await verified('-n', '4', example('hello'));
    expect(new Set((await job())?.ranks.map(({ nodeId }) => nodeId)).size).toBe(2);
  });

  it('needs nobody when NATS comes back with nothing of what it had', async () => {
    const running = start('-n', '2', program, '--', '60');
    await running.printed(/tick 3\n/);
    await cluster.wipeNats();
    await cluster.ready();
    const { code, stdout } = await running.ended;
    expect([code, stdout.endsWith('counted 120\n')]).toEqual([0, true]);
    await verified('-n', '4', example('hello'));
  });

  it('needs nobody when Postgres is killed', async () => {
    const running = start('-n', '2', program, '--', '60');
    await running.printed(/tick 3\n/);
    cluster.killPostgres();
    const { code, stdout } = await running.ended;
    expect([code, stdout.endsWith('counted 120\n')]).toEqual([0, true]);
    await cluster.ready();
    await verified('-n', '4', example('hello'));
  });

  it('is not ready while something is missing, and says what', async () => {
    await cluster.hold('nats');
    try {
      const reasons = (): Promise<string> => cluster.ready(0).then(String, String);
      await expect.poll(reasons).toMatch(/scheduler: NATS: the connection/);
    } finally {
      cluster.release('nats');
    }
    await cluster.ready();
    const { nodes } = await cluster.client(nodev1.NodeService).listNodes({});
    expect(nodes.map(({ state }) => state)).toEqual([nodev1.NodeState.READY, nodev1.NodeState.READY]);
  });

  it('drains on SIGTERM: every process ends by itself with code 0', async () => {
    for (const name of cluster.names) if (name !== 'nats') await cluster.kill(name, 'SIGTERM');
    await delay(0);
    const said = await cluster.logs('launcher');
    const ends = said.split('\n').flatMap((line) => /"process":"([^"]+)","how":"([^"]+)"/.exec(line)?.slice(1, 3).join(' ') ?? []);
    for (const name of cluster.names)
      if (name !== 'nats') expect(ends.findLast((end) => end.startsWith(`${name} `))).toBe(`${name} code 0`);
    await cluster.ready();
    await verified('-n', '4', example('hello'));
  });
});
