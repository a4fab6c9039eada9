/** What an operator sees and does of the ports of the subnet. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

let cluster: StoryCluster;
beforeAll(async () => {
  cluster = await StoryCluster.up({ hosts: 2, cores: 2 });
});
afterAll(() => cluster.down());

const fabric = async (...words: string[]): Promise<string> => {
  const { stdout, stderr } = await cluster.sandbox.cli(['fabric', ...words]);
  expect([words, stderr]).toEqual([words, '']);
  return stdout;
};

it('ports are listed, disabled and enabled, and a disabled one stays so', async () => {
  expect(await fabric('ports')).toMatch(/node-0 +1 +\S+ +active/);
  expect(await fabric('disable', 'node-1')).toBe('the port of node-1 is disabled\n');
  expect(await fabric('ports')).toMatch(/node-1 +2 +\S+ +disabled/);
  expect(await fabric('show', 'node-1')).toContain('state      down: disabled by an operator');
  expect(await fabric('enable', 'node-1')).toBe('the port of node-1 is enabled\n');
  expect(await fabric('show', 'node-1')).toContain('state      active');
}, 120_000);
