/** The MPI library in its guests: every program of test/guests/mpi, which says itself what it catches, at several sizes. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runGuests, type GuestRunResult } from '@verbena/framework';
import type { GuestImage } from '@verbena/guest-image';
import { closeToolchain, compile } from '@verbena/toolchain';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const directory = fileURLToPath(new URL('../../guests/mpi/', import.meta.url));
const programs = readdirSync(directory)
  .filter((name) => name.endsWith('.c'))
  .map((name) => name.slice(0, -2));

async function build(name: string, ...flags: readonly string[]): Promise<GuestImage> {
  let messages = '';
  const request = { language: 'c', args: ['-O1', `${name}.c`, ...flags], cwd: directory } as const;
  const { image } = await compile({ ...request, onDiagnostics: (text) => (messages += text) });
  if (image === undefined) throw new Error(`${name}.c does not compile: ${messages}`);
  return image;
}

const endOf = (result: GuestRunResult): readonly string[] =>
  result.exits.map((exit, rank) => `${exit.cause} ${String(exit.exitCode)} ${exit.detail}${result.waitsFor[rank] ?? ''}`);

afterAll(closeToolchain);

describe.each(programs)('%s', (name) => {
  let image: GuestImage;
  beforeAll(async () => {
    image = await build(name);
  }, 300_000);

  test.each([1, 2, 3, 4, 5, 8])('passes with %i ranks', async (size) => {
    const result = await runGuests({ image, size, hosts: Math.min(size, 4), limitMs: 100_000 });
    expect(endOf(result)).toEqual(Array.from({ length: size }, () => 'exited 0 '));
  });
});

describe('short of buffers', () => {
  test('messages keep their order when nothing fits an eager message', async () => {
    const image = await build('ordering');
    const result = await runGuests({ image, size: 3, hosts: 3, env: { VERBENA_EAGER_MAX: '0' }, limitMs: 100_000 });
    expect(endOf(result)).toEqual(Array.from({ length: 3 }, () => 'exited 0 '));
  });

  test('the largest messages may be eager', async () => {
    const image = await build('big');
    const result = await runGuests({ image, size: 2, hosts: 2, env: { VERBENA_EAGER_MAX: '1048576' }, limitMs: 100_000 });
    expect(endOf(result)).toEqual(Array.from({ length: 2 }, () => 'exited 0 '));
  });
});
