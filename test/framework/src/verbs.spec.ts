import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { compile } from '@verbena/toolchain';
import type { IoPath } from '@verbena/hypervisor';
import { runGuests } from './guest-runner.ts';

const paths: readonly IoPath[] = ['bypass', 'native', 'vmm', 'split', 'sriov'];
const source = fileURLToPath(new URL('../../guests/verbs/rc-pair.c', import.meta.url));

it.each(paths)('runs a program written for the verbs interface between two domains on two hosts, by the path %s (R6)', async (ioPath) => {
  let diagnostics = '';
  const { image } = await compile({
    language: 'c',
    args: ['-O2', '-Wall', '-Wextra', '-Werror', source],
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    onDiagnostics: (text) => void (diagnostics += text),
  });
  expect(diagnostics).toBe('');
  if (image === undefined) throw new Error('no image was linked');
  const { exits, stdout, stderr } = await runGuests({ image, size: 2, hosts: 2, ioPath, limitMs: 100_000 });
  expect(stderr).toEqual(['', '']);
  expect(stdout).toEqual(['rank 0: all verbs work\n', 'rank 1: all verbs work\n']);
  expect(exits.map((each) => [each.cause, each.exitCode])).toEqual([
    ['exited', 0],
    ['exited', 0],
  ]);
});
