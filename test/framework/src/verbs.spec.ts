import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { compile } from '@verbena/toolchain';
import type { IoPath } from '@verbena/hypervisor';
import { runGuests } from './guest-runner.ts';

const paths: readonly IoPath[] = ['bypass', 'native', 'vmm', 'split', 'sriov'];
const program = (name: string): string => fileURLToPath(new URL(`../../guests/verbs/${name}.c`, import.meta.url));

const runs = paths.flatMap((ioPath) => [
  { ioPath, name: 'rc-pair', says: 'all verbs work' },
  { ioPath, name: 'services', says: 'all services work' },
]);

it.each(runs)('runs $name, written for the verbs interface, between two domains on two hosts, by the path $ioPath (R6)', async (run) => {
  const { ioPath, name, says } = run;
  let diagnostics = '';
  const { image } = await compile({
    language: 'c',
    args: ['-O2', '-Wall', '-Wextra', '-Werror', program(name)],
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    onDiagnostics: (text) => void (diagnostics += text),
  });
  expect(diagnostics).toBe('');
  if (image === undefined) throw new Error('no image was linked');
  const { exits, stdout, stderr } = await runGuests({ image, size: 2, hosts: 2, ioPath, limitMs: 100_000 });
  expect(stderr).toEqual(['', '']);
  expect(stdout).toEqual([`rank 0: ${says}\n`, `rank 1: ${says}\n`]);
  expect(exits.map((each) => [each.cause, each.exitCode])).toEqual([
    ['exited', 0],
    ['exited', 0],
  ]);
});
