/** Jobs that get more ranks while they run (MPI_Comm_spawn), as their users see them: what follows for the job, its VMs, and its end. */
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { guest } from '@verbena/framework';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

const conformance = fileURLToPath(new URL('../../guests/mpi/spawn.c', import.meta.url));

interface Event {
  readonly type: string;
  readonly stream: string;
}

describe('a job that spawns processes', () => {
  let cluster: StoryCluster;
  beforeAll(async () => {
    cluster = await StoryCluster.up({ hosts: 3, cores: 3 });
  });
  afterAll(() => cluster.down());

  it('gets them on free cores, again and again, as the standard says', async () => {
    const { code, stdout, stderr } = await cluster.run(['-n', '2', conformance]);
    expect([code, stdout, code === 0 ? '' : stderr]).toEqual([0, 'ok\n', '']);
    const job = await cluster.lastJob();
    // More ranks in all than the cluster has cores: those of children that had ended were had again.
    expect(job.ranks.length).toBeGreaterThan(9);
    expect(job.ranks.map(({ rank }) => rank)).toEqual(job.ranks.map((_, index) => index));
    const { events } = await cluster.sandbox.json<{ events: readonly Event[] }>(['events', '--stream', job.id]);
    const count = (type: string): number => events.filter((event) => event.type === type).length;
    expect(count('RanksGranted')).toBe(count('RanksMet') + count('RanksWithdrawn'));
    expect(count('RanksMet')).toBeGreaterThan(6);
  });

  it('may name another program, when it is an image that its submitter has', async () => {
    const image = join(cluster.sandbox.work, 'worker.vmi');
    expect((await cluster.sandbox.cli(['cc', '-o', image, guest('spawned-worker')])).code).toBe(0);
    expect((await cluster.sandbox.cli(['image', 'push', image])).code).toBe(0);
    const { code, stdout } = await cluster.run(['-n', '1', guest('spawn-and-stay'), '--', 'worker', 'seven']);
    expect([code, stdout.split('\n').toSorted()]).toEqual([0, ['', 'spawned', 'worker 0 of 1, argument seven, a child']]);
  });

  it('is told when there is no such program', async () => {
    const { code, stderr } = await cluster.run(['-n', '1', guest('spawn-and-stay'), '--', 'nobody']);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/MPI_Comm_spawn: there is no program nobody/);
  });

  it('ends when one of them fails, with what that one says', async () => {
    const { code, stderr } = await cluster.run(['-n', '2', guest('spawn-and-stay'), '--', '-', 'fail', '7']);
    expect(code).toBe(7);
    expect(stderr).toMatch(/rank 2 exited with code 7/);
  });

  it('is cancelled with them, and until then neither moved nor saved, which is said', async () => {
    const run = cluster.sandbox.start(['run', '-n', '2', '--time', '1h', guest('spawn-and-stay')]);
    await run.printed(/spawned/, 60_000);
    const job = await cluster.lastJob();
    expect(job.ranks).toHaveLength(3);
    for (const words of [
      ['migrate', job.ranks[0]?.vmId ?? ''],
      ['checkpoint', job.id],
    ]) {
      const { code, stdout, stderr } = await cluster.sandbox.cli(words);
      expect(code).not.toBe(0);
      expect(stdout + stderr).toMatch(/spawned processes \(MPI_Comm_spawn\)/);
    }
    run.signal('SIGINT');
    await run.ended;
    expect((await cluster.job(job.id)).state).toBe('cancelled');
    const { vms } = await cluster.sandbox.json<{ vms: readonly { readonly jobId?: string; readonly state: string }[] }>(['vms']);
    expect(vms.filter(({ state }) => state === 'running')).toEqual([]);
  });
});
