/** A VM's function of the adapter is taken away and given back while its program runs: the program lives on, on every path that has one. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

const program = fileURLToPath(new URL('../../guests/verbs/unplugged.c', import.meta.url));
let cluster: StoryCluster;
beforeAll(async () => {
  cluster = await StoryCluster.up({ hosts: 1, cores: 2 });
});
afterAll(() => cluster.down());

async function running(): Promise<string> {
  const { vms } = await cluster.sandbox.json<{ vms: { id: string; state: string }[] }>(['vms']);
  const vm = vms.find(({ state }) => state === 'running');
  if (vm === undefined) throw new Error('no VM runs a program');
  return vm.id;
}

it.each(['bypass', 'sriov', 'vmm', 'split', 'native'])(
  'detach and attach of a virtual function by the path %s',
  async (path) => {
    const run = cluster.sandbox.start(['run', '-n', '1', '--io', path, program]);
    await run.printed(/ready/, 200_000);
    const vm = await running();
    const detached = await cluster.sandbox.cli(['vm', 'detach-vf', vm]);
    expect([detached.stdout, detached.stderr]).toEqual([`${vm} is without its virtual function\n`, '']);
    await run.printed(/gone/, 60_000);
    const { vms } = await cluster.sandbox.json<{ vms: { id: string; functionDetached?: boolean }[] }>(['vms']);
    expect(vms.find(({ id }) => id === vm)).toMatchObject({ functionDetached: true });
    expect((await cluster.sandbox.cli(['vm', 'attach-vf', vm])).code).toBe(0);
    const { code, stdout, stderr } = await run.ended;
    expect([code, stdout, code === 0 ? '' : stderr]).toEqual([0, 'ready\ngone\nback\n', '']);
    expect((await cluster.sandbox.cli(['vm', 'detach-vf', vm])).stderr).toMatch(/runs no program/);
  },
  300_000,
);

it('a VM that does not use the adapter keeps what it has', async () => {
  const run = cluster.sandbox.start(['run', '-n', '1', '--io', 'ethernet', program]);
  await run.printed(/ready/, 200_000);
  const vm = await running();
  const { code, stderr } = await cluster.sandbox.cli(['vm', 'detach-vf', vm]);
  expect([code === 0, stderr]).toEqual([false, expect.stringMatching(/does not use the adapter/)]);
  run.signal('SIGINT');
  await run.ended;
}, 300_000);
