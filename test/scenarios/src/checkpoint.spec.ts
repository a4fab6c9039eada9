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
  readonly saved: readonly { readonly rank: number }[];
}

const ranks = 3;
const every = 20;

describe('a job that is saved while it runs', () => {
  let cluster: StoryCluster;
  beforeAll(async () => {
    cluster = await StoryCluster.up({ hosts: 3, cores: 2 });
  });
  afterAll(() => cluster.down());

  let saved: Checkpoint;
  const snapshots = async (): Promise<readonly Checkpoint[]> =>
    (await cluster.sandbox.json<{ checkpoints: readonly Checkpoint[] }>(['snapshots'])).checkpoints;

  /** All that a job has written is one story from its beginning to its end: whole lines, each once, and a file that has the same. */
  async function isWhole(id: string): Promise<void> {
    const { code, stdout } = await cluster.sandbox.cli(['logs', '-f', id]);
    const steps = stdout.trimEnd().split('\n').slice(0, -1);
    expect(steps).toEqual(steps.map((_, index) => `step ${String(index * every)}`));
    expect([code, stdout]).toEqual([0, [...steps, `rounds ${String(steps.length)}`, ''].join('\n')]);
    const out = join(cluster.sandbox.work, id);
    expect((await cluster.sandbox.cli(['fetch', id, '--out', out])).code).toBe(0);
    const file = await readFile(join(out, 'rank-0', 'rounds.txt'), 'utf8');
    expect(file.trimEnd().split('\n')).toEqual(steps.map((_, index) => String(index * every)));
  }

  it('is saved again as an increment, and runs on', async () => {
    const run = cluster.sandbox.start(['run', '-n', String(ranks), '--time', '1h', guest('until-restarted')]);
    await run.printed(/step 40/, 150_000);
    const { id } = await cluster.lastJob();
    const first = await cluster.sandbox.json<Checkpoint>(['checkpoint', id]);
    expect(first).toMatchObject({ jobId: id, number: 1, phase: 'stored', base: '', saved: [{ rank: 0 }, { rank: 1 }, { rank: 2 }] });
    saved = await cluster.sandbox.json<Checkpoint>(['checkpoint', id]);
    expect(saved).toMatchObject({ number: 2, phase: 'stored', base: first.id });
    expect(Number(saved.newBytes)).toBeLessThan(Number(saved.bytes));
    // Killed: nothing of it is left but what was saved.
    run.signal('SIGINT');
    await run.ended;
    expect((await cluster.job(id)).state).toBe('cancelled');
  });

  it('goes on from there on another number of hosts: no message is lost, and each line is there once', async () => {
    const { stdout } = await cluster.sandbox.cli(['restart', saved.jobId, '--policy', 'pack']);
    const again = stdout.trim();
    await isWhole(again);
    const job = await cluster.job(again);
    expect(job).toMatchObject({ state: 'completed', exitCode: 0, restoredFrom: saved.id });
    expect(new Set(job.ranks.map(({ nodeName }) => nodeName)).size).toBeLessThan(ranks);
  });

  it('goes on from there a second time, on hosts of their own', async () => {
    const { stdout } = await cluster.sandbox.cli(['restart', saved.id, '--policy', 'spread', '--name', 'again']);
    await isWhole(stdout.trim());
  });

  it('has its checkpoints listed, and removed with all that nobody else needs', async () => {
    const all = await snapshots();
    expect(all.map(({ number, phase }) => `${String(number)} ${phase}`)).toEqual(['2 stored', '1 stored']);
    const { code } = await cluster.sandbox.cli(['snapshots', 'rm', ...all.map(({ id }) => id)]);
    expect([code, await snapshots()]).toEqual([0, []]);
    const { code: refused, stderr } = await cluster.sandbox.cli(['restart', saved.id]);
    expect(refused).not.toBe(0);
    expect(stderr).toMatch(/only a stored checkpoint can be gone on from/);
  });
});
