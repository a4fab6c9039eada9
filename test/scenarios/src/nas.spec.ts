/**
 * The NAS kernels, each against the values that its specification publishes, and Linpack by its residual, on ranks that share a host and ranks
 * that do not.
 */
import { guest } from '@verbena/framework';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

const kernel = (name: string): string => join(guest('exit-code'), '../../nas', `${name}.c`);

describe('the NAS kernels and Linpack', () => {
  let cluster: StoryCluster;
  beforeAll(async () => {
    cluster = await StoryCluster.up({ hosts: 2, cores: 4 });
  });
  afterAll(() => cluster.down());

  it.each(['ep', 'is', 'cg', 'ft', 'mg'])('%s finds the published values, on one, two and eight ranks', async (name) => {
    const image = join(cluster.sandbox.dir, `${name}.vmi`);
    const built = await cluster.sandbox.cli(['cc', kernel(name), '-O3', '-o', image]);
    expect([built.code, built.stderr]).toEqual([0, '']);
    for (const [ranks, size] of [
      [1, 'S'],
      [2, 'W'],
      [8, 'S'],
    ] as const) {
      const { code, stdout, stderr } = await cluster.run(['--quiet', '-n', String(ranks), image, '--', size]);
      expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
      expect(stdout).toContain(`${name.toUpperCase()} class ${size}: VERIFICATION SUCCESSFUL`);
    }
  });

  it.each(['bt', 'sp', 'lu'])('%s finds the published norms on a grid of two by two ranks', async (name) => {
    const image = join(cluster.sandbox.dir, `${name}.vmi`);
    const built = await cluster.sandbox.cli(['cc', kernel(name), '-O3', '-o', image]);
    expect([built.code, built.stderr]).toEqual([0, '']);
    const { code, stdout, stderr } = await cluster.run(['--quiet', '-n', '4', image, '--', 'S']);
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
    expect(stdout).toContain(`${name.toUpperCase()} class S: VERIFICATION SUCCESSFUL`);
  });

  it('hpl solves its system on any grid, and a solution from one spoiled number fails', async () => {
    const image = join(cluster.sandbox.dir, 'hpl.vmi');
    const built = await cluster.sandbox.cli(['cc', join(guest('exit-code'), '../../../../examples/hpl.c'), '-O3', '-o', image]);
    expect([built.code, built.stderr]).toEqual([0, '']);
    const solve = (ranks: number, ...args: string[]): ReturnType<StoryCluster['run']> =>
      cluster.run(['--quiet', '-n', String(ranks), image, '--', ...args]);
    for (const [ranks, ...args] of [
      [1, '100', '16'],
      [4, '100', '16', '2', '2'],
      [3, '97', '7', '1', '3'],
    ] as const) {
      const { code, stdout } = await solve(ranks, ...args);
      expect([code, stdout]).toEqual([0, expect.stringContaining('HPL: VERIFICATION SUCCESSFUL')]);
    }
    const spoiled = await solve(4, '100', '16', '2', '2', 'spoil');
    expect([spoiled.code, spoiled.stdout]).toEqual([1, expect.stringContaining('HPL: VERIFICATION FAILED')]);
  });
});
