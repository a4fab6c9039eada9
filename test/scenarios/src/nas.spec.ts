/** The NAS kernels, each against the values that its specification publishes, on ranks that share a host and ranks that do not. */
import { guest } from '@verbena/framework';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

const kernel = (name: string): string => join(guest('exit-code'), '../../nas', `${name}.c`);

describe('the NAS kernels', () => {
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
});
