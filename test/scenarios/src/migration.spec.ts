/** A program goes from host to host while it runs, and nobody who reads what it writes can tell. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guest } from '@verbena/framework';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

interface Vms {
  readonly vms: readonly { readonly id: string; readonly nodeId: string; readonly jobId?: string }[];
}
interface Migrations {
  readonly migrations: readonly {
    readonly id: string;
    readonly phase: string;
    readonly sourceNodeId: string;
    readonly targetNodeId: string;
  }[];
}

const steps = 1_000;
const moves = 6;

describe('a VM that moves from host to host while its program runs', () => {
  let cluster: StoryCluster;
  beforeAll(async () => {
    cluster = await StoryCluster.up({ hosts: 3, cores: 2 });
  });
  afterAll(() => cluster.down());

  const running = async (): Promise<Vms['vms'][number] | undefined> =>
    (await cluster.sandbox.json<Vms>(['vms'])).vms.find(({ jobId }) => jobId !== undefined && jobId !== '');

  it('writes every line once and in order, and leaves the same files', async () => {
    const out = join(cluster.sandbox.work, 'out');
    const run = cluster.sandbox.start(['run', '-n', '1', '--out', out, guest('long-walk'), '--', String(steps)]);
    await run.printed(/step 3/, 120_000);
    const homes: string[] = [];
    for (let move = 0; move < moves; move++) {
      const vm = await running();
      expect(vm, 'the program still runs').toBeDefined();
      homes.push(vm?.nodeId ?? '');
      const { code, stderr } = await cluster.sandbox.cli(['migrate', vm?.id ?? '', '--transport', move % 2 === 0 ? 'tcp' : 'rdma']);
      expect([code, stderr]).toEqual([0, '']);
    }
    const { code, stdout } = await run.ended;
    const expected = Array.from({ length: steps }, (_, step) => `step ${String(step)}`);
    const lines = stdout.trimEnd().split('\n');
    expect([code, lines.slice(0, steps)]).toEqual([0, expected]);
    const cells = 1_000_000n;
    const sum = ((cells * (cells - 1n)) / 2n + (cells * BigInt(steps) * BigInt(steps - 1)) / 2n) % 2n ** 32n;
    expect(lines.at(-1)).toBe(`sum ${String(sum)}`);
    const file = await readFile(join(out, 'rank-0', 'steps.txt'), 'utf8').catch(() => readFile(join(out, 'steps.txt'), 'utf8'));
    expect(file.trimEnd().split('\n')).toEqual(Array.from({ length: steps }, (_, step) => String(step)));
    // Each move begins where the one before ended.
    const { migrations } = await cluster.sandbox.json<Migrations>(['migrations']);
    expect(migrations.map(({ phase }) => phase)).toEqual(Array.from({ length: moves }, () => 'completed'));
    expect(migrations.toReversed().map(({ sourceNodeId }) => sourceNodeId)).toEqual(homes);
  });

  it('is told in the events of its job, and leaves nothing on the hosts that it left', async () => {
    const job = await cluster.lastJob();
    const { stdout } = await cluster.sandbox.cli(['events', '--job', job.id]);
    for (const type of ['MigrationStarted', 'MigrationSuspended', 'VmHandedOver', 'RankMoved', 'MigrationCompleted'])
      expect(stdout).toContain(type);
    expect((await cluster.sandbox.json<Vms>(['vms'])).vms).toHaveLength(1);
  });
});

describe('the VMs of an MPI job that move one after another', () => {
  let cluster: StoryCluster;
  beforeAll(async () => {
    cluster = await StoryCluster.up({ hosts: 3, cores: 2 });
  });
  afterAll(() => cluster.down());

  const ranks = 3;
  const steps = 1_500;
  const every = 20;

  it('lose no message, get none twice, and compute what they compute without moving', async () => {
    const run = cluster.sandbox.start(['run', '-n', String(ranks), guest('halo-walk'), '--', String(steps)]);
    await run.printed(/step 20/, 150_000);
    const { vms } = await cluster.sandbox.json<Vms>(['vms']);
    const ours = vms.filter(({ jobId }) => jobId !== undefined && jobId !== '');
    expect(ours).toHaveLength(ranks);
    for (const { id } of ours) {
      const { code, stdout, stderr } = await cluster.sandbox.cli(['migrate', id]);
      expect([code, stderr], stdout).toEqual([0, '']);
    }
    const { code, stdout } = await run.ended;
    const told = Array.from({ length: steps / every }, (_, index) => index * every);
    const total = told.reduce((sum, step) => sum + ranks * step * 1000 + (ranks * (ranks - 1)) / 2, 0);
    expect([code, stdout.trimEnd().split('\n')]).toEqual([0, [...told.map((step) => `step ${String(step)}`), `total ${String(total)}`]]);
    const { migrations } = await cluster.sandbox.json<Migrations>(['migrations']);
    expect(migrations.map(({ phase }) => phase)).toEqual(ours.map(() => 'completed'));
  });
});
