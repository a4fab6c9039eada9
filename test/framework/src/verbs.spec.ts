import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { GuestImage } from '@verbena/guest-image';
import { compile } from '@verbena/toolchain';
import type { IoPath } from '@verbena/hypervisor';
import { runGuests } from './guest-runner.ts';

const program = (name: string): string => fileURLToPath(new URL(`../../guests/verbs/${name}.c`, import.meta.url));
const images = new Map<string, Promise<GuestImage>>();

/** Built once for all paths: a program is linked without knowing its path. */
function imageOf(name: string): Promise<GuestImage> {
  const known = images.get(name);
  if (known !== undefined) return known;
  const fresh = build(name);
  images.set(name, fresh);
  return fresh;
}

async function build(name: string): Promise<GuestImage> {
  let diagnostics = '';
  const { image } = await compile({
    language: 'c',
    args: ['-O2', '-Wall', '-Wextra', '-Werror', program(name)],
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    onDiagnostics: (text) => void (diagnostics += text),
  });
  expect(diagnostics).toBe('');
  if (image === undefined) throw new Error('no image was linked');
  return image;
}

/** Inter-VM channels are for VMs of one host; the adapter is there as well. */
const paths: readonly (readonly [IoPath, number])[] = [
  ...(['bypass', 'native', 'vmm', 'split', 'sriov', 'ethernet', 'ivc'] as const).map((path) => [path, 2] as const),
  ['ivc', 1],
  ['ethernet', 1],
];

const runs = paths.flatMap(([ioPath, hosts]) => [
  { ioPath, hosts, name: 'rc-pair', says: 'all verbs work' },
  { ioPath, hosts, name: 'services', says: ioPath === 'ethernet' ? 'all services but multicast work' : 'all services work' },
]);

it.each(runs)('runs $name, written for the verbs interface, between two domains on $hosts hosts, by the path $ioPath (R6)', async (run) => {
  const { ioPath, hosts, name, says } = run;
  const { exits, stdout, stderr } = await runGuests({ image: await imageOf(name), size: 2, hosts, ioPath, limitMs: 100_000 });
  expect(stderr).toEqual(['', '']);
  expect(stdout).toEqual([`rank 0: ${says}\n`, `rank 1: ${says}\n`]);
  expect(exits.map((each) => [each.cause, each.exitCode])).toEqual([
    ['exited', 0],
    ['exited', 0],
  ]);
});
