/** A job is saved while it runs, killed, and goes on elsewhere; nobody who reads what it has written can tell. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guest } from '@verbena/framework';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

interface Checkpoint {
  readonly id: string;
  readonly jobId: string;
  readonly number: number;
  readonly phase: string;
  readonly base: string;
  readonly bytes: string;
  readonly newBytes: string;
  readonly saved: readonly { readonly rank: number; readonly stood: string }[];
}

describe('a job that is saved while it runs', () => {
  let cluster: StoryCluster;
  beforeAll(async () => {
    cluster = await StoryCluster.up({ hosts: 3, cores: 2 });
  });
  afterAll(() => cluster.down());

  const snapshots = async (): Promise<readonly Checkpoint[]> =>
    (await cluster.sandbox.json<{ checkpoints: readonly Checkpoint[] }>(['snapshots'])).checkpoints;

  /** What has been printed up to the end of the last whole line. */
  const whole = (text: string): readonly string[] => text.split('\n').slice(0, -1);

  it('goes on from there with other hosts: no message is lost, and each line is there once', async () => {
    const [ranks, steps, every] = [3, 700, 20];
    const run = cluster.sandbox.start(['run', '-n', String(ranks), guest('halo-walk'), '--', String(steps)]);
    await run.printed(/step 40/, 150_000);
    const { id } = await cluster.lastJob();
    const first = await cluster.sandbox.json<Checkpoint>(['checkpoint', id]);
    expect(first).toMatchObject({ jobId: id, number: 1, phase: 'stored', base: '', saved: [{ rank: 0 }, { rank: 1 }, { rank: 2 }] });
    const second = await cluster.sandbox.json<Checkpoint>(['checkpoint', id]);
    expect(second).toMatchObject({ number: 2, phase: 'stored', base: first.id });
    expect(Number(second.newBytes)).toBeLessThan(Number(second.bytes));
    // Killed: nothing of it is left but what was saved.
    run.signal('SIGINT');
    await run.ended;
    const { stdout: restarted } = await cluster.sandbox.cli(['restart', id, '--policy', 'pack']);
    const again = restarted.trim();
    const { code, stdout } = await cluster.sandbox.cli(['logs', '-f', again]);
    const told = Array.from({ length: steps / every }, (_, index) => index * every);
    const total = told.reduce((sum, step) => sum + ranks * step * 1000 + (ranks * (ranks - 1)) / 2, 0);
    expect([code, whole(stdout)]).toEqual([0, [...told.map((step) => `step ${String(step)}`), `total ${String(total)}`]]);
    expect(await cluster.job(again)).toMatchObject({ state: 'completed', exitCode: 0, restoredFrom: second.id });
    expect(new Set((await cluster.job(again)).ranks.map(({ nodeName }) => nodeName)).size).toBeLessThan(ranks);
  });

  it('keeps its files and what is left of its memory, and can be gone on from twice', async () => {
    const steps = 60;
    const run = cluster.sandbox.start(['run', '-n', '1', guest('long-walk'), '--', String(steps)]);
    await run.printed(/step 3/, 150_000);
    const { id } = await cluster.lastJob();
    const saved = await cluster.sandbox.json<Checkpoint>(['checkpoint', id]);
    const { code, stdout } = await run.ended;
    for (const name of ['one', 'two']) {
      const { stdout: restarted } = await cluster.sandbox.cli(['restart', saved.id, '--name', name]);
      const again = restarted.trim();
      const { stdout: output } = await cluster.sandbox.cli(['logs', '-f', again]);
      expect([code, whole(output)]).toEqual([0, whole(stdout)]);
      const out = join(cluster.sandbox.work, name);
      expect((await cluster.sandbox.cli(['fetch', again, '--out', out])).code).toBe(0);
      const file = await readFile(join(out, 'rank-0', 'steps.txt'), 'utf8');
      expect(file.trimEnd().split('\n')).toEqual(Array.from({ length: steps }, (_, step) => String(step)));
    }
  });

  it('has its checkpoints listed, and removed with all that nobody else needs', async () => {
    const all = await snapshots();
    expect(all.map(({ phase }) => phase)).toEqual(['stored', 'stored', 'stored']);
    const { code } = await cluster.sandbox.cli(['snapshots', 'rm', ...all.map(({ id }) => id)]);
    expect([code, await snapshots()]).toEqual([0, []]);
    const { code: refused, stderr } = await cluster.sandbox.cli(['restart', all[0]?.id ?? '']);
    expect([refused, stderr]).toEqual([expect.any(Number), expect.stringMatching(/only a stored checkpoint can be gone on from/)]);
    expect(refused).not.toBe(0);
  });
});
