import { example, guest, Sandbox } from '@verbena/framework';
import { afterEach, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

describe('what is left behind', () => {
  let sandbox: Sandbox | undefined;
  let cluster: StoryCluster | undefined;
  afterEach(async () => {
    await cluster?.down();
    await sandbox?.destroy();
    cluster = sandbox = undefined;
  });

  it('by a run that brings its own cluster: nothing', async () => {
    sandbox = await Sandbox.create();
    const { code, stdout, stderr } = await sandbox.cli(['run', '-n', '2', example('hello')]);
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
    expect(stdout).toContain('rank 1 of 2');
    expect(await sandbox.processes()).toEqual([]);
    expect(await sandbox.temporaryFiles()).toEqual([]);
  });

  it('by Ctrl-C in the middle of such a run: nothing', async () => {
    sandbox = await Sandbox.create();
    const running = sandbox.start(['run', '-n', '2', guest('announce-and-spin')]);
    await running.printed(/spinning/);
    running.signal('SIGINT', true);
    const { code } = await running.ended;
    expect(code).toBe(130);
    await expect.poll(() => sandbox?.processes()).toEqual([]);
    expect(await sandbox.temporaryFiles()).toEqual([]);
  });

  it('by kill -9 of the cluster: every job, image and event, and it goes on', async () => {
    cluster = await StoryCluster.up({ hosts: 4, cores: 2 });
    expect((await cluster.run(['-n', '8', example('hello')])).code).toBe(0);
    const before = await cluster.lastJob();
    const images = await cluster.sandbox.json<{ images: unknown[] }>(['images']);
    const { events } = await cluster.sandbox.json<{ events: unknown[] }>(['events', '--job', before.id]);
    const orphan = cluster.sandbox.start(['run', '-n', '2', guest('announce-and-spin')]);
    await orphan.printed(/spinning/);

    process.kill(await cluster.sandbox.clusterProcess(), 'SIGKILL');
    expect((await cluster.process.ended).code).toBe(137);
    await orphan.ended;
    await cluster.again();

    expect(await cluster.job(before.id)).toEqual(before);
    expect((await cluster.sandbox.json<{ images: unknown[] }>(['images'])).images).toEqual(expect.arrayContaining(images.images));
    // Nothing is lost; what is new is what became of the job's VMs: some made room for the next job, the others were written off.
    const after = (await cluster.sandbox.json<{ events: { type: string }[] }>(['events', '--job', before.id])).events;
    expect(after.slice(0, events.length)).toEqual(events);
    for (const { type } of after.slice(events.length)) expect(['VmLost', 'VmShutDown']).toContain(type);
    // The job that was running cannot go on; it is ended with a reason, and its cores are free.
    await expect.poll(async () => (await cluster?.lastJob())?.state).toBe('failed');
    const { code, stderr } = await cluster.run(['-n', '8', example('hello')]);
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  });

  it('by kill -9 of the command that the user sees: the cluster ends in order, too', async () => {
    cluster = await StoryCluster.up({ hosts: 1, cores: 1 });
    cluster.process.signal('SIGKILL');
    await cluster.process.ended;
    await expect.poll(() => cluster?.sandbox.processes()).toEqual([]);
  });
});
