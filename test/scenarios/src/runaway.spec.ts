import { guest } from '@verbena/framework';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

describe('programs that never end by themselves', () => {
  let cluster: StoryCluster;
  beforeAll(async () => {
    cluster = await StoryCluster.up({ hosts: 2, cores: 2 });
  });
  afterAll(() => cluster.down());
  afterEach(async () => {
    const { code, stderr } = await cluster.run(['-n', '4', guest('exit-code')]);
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  });

  it('are ended when their walltime is over', async () => {
    const { code, stderr } = await cluster.run(['-n', '2', '--time', '3s', guest('spin-forever')]);
    expect(code).toBe(124);
    expect(stderr).toMatch(/walltime/);
  });

  it('are told apart as deadlocked, with what each rank waits for', async () => {
    const { code, stderr } = await cluster.run(['-n', '4', guest('deadlock')]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/deadlock/i);
    for (let rank = 0; rank < 4; rank++)
      expect(stderr).toMatch(new RegExp(`rank ${String(rank)}.*MPI_Recv\\(source=${String((rank + 1) % 4)}, tag=7`));
  });

  it('are ended when they write more than the limit, in bounded memory', async () => {
    const { code, stderr } = await cluster.run(['-n', '2', guest('flood-stdout')], { timeoutMs: 170_000 });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/output/);
  });

  it('can be cancelled from elsewhere', async () => {
    const running = cluster.sandbox.start(['run', '-n', '2', guest('spin-forever')]);
    await expect.poll(async () => (await cluster.lastJob()).state).toBe('running');
    const { id } = await cluster.lastJob();
    expect((await cluster.sandbox.cli(['cancel', id])).code).toBe(0);
    const { code, stderr } = await running.ended;
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/cancel/);
    expect((await cluster.job(id)).state).toBe('cancelled');
  });

  it('are cancelled by Ctrl-C of the command that waits for them', async () => {
    const running = cluster.sandbox.start(['run', '-n', '2', guest('spin-forever')]);
    await expect.poll(async () => (await cluster.lastJob()).state).toBe('running');
    running.signal('SIGINT', true);
    expect((await running.ended).code).toBe(130);
    await expect.poll(async () => (await cluster.lastJob()).state).toBe('cancelled');
  });
});
