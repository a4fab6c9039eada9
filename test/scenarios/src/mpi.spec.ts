/** The MPI library in its guests: every program of test/guests/mpi, which says itself what it catches, at several sizes. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const exec = promisify(execFile);
const directory = fileURLToPath(new URL('../../guests/mpi/', import.meta.url));
const mpirun = fileURLToPath(new URL('../../framework/src/mpirun.ts', import.meta.url));
const programs = readdirSync(directory).filter((name) => name.endsWith('.c'));

/** A heap that finds writes beside its blocks, in place of the C library's. */
const guard = ['-include', `${directory}guard.h`];

/** Builds and runs a program on as many VMs as ranks; rejects with its output when a rank does not end with 0. */
async function run(name: string, ranks: number, flags: readonly string[]): Promise<string> {
  const args = ['--conditions=verbena-source', mpirun, '-n', String(ranks), '--limit', '100000', ...flags, `${directory}${name}`];
  return (await exec(process.execPath, args, { timeout: 170_000, maxBuffer: 1 << 24 })).stdout;
}

describe.each(programs)('%s', (name) => {
  test.each([
    [1, 'the heap of the C library', []],
    [2, 'the heap of the C library', []],
    [5, 'a heap that is guarded', guard],
  ])('passes with %i ranks and %s', async (ranks, _, flags) => {
    expect(await run(name, ranks, flags)).toMatch(/^(ok|rank 0 of)/m);
  });
});

test('long messages in both directions go on where every doorbell is slow', async () => {
  expect(await run('both-ways.c', 2, ['--io', 'vmm', '--hosts', '2'])).toMatch(/^ok/m);
});

test('the guarded heap notices a write of one byte behind a block, and one before it', async () => {
  const overrun = fileURLToPath(new URL('../../guests/behaviour/', import.meta.url));
  for (const [where, what] of [
    ['behind', /heap guard: written behind the block: block \d+ of 100 bytes at 0x[0-9a-f]+, offset 100, in use/],
    ['before', /heap guard: written before the block/],
    ['freed', /heap guard: written after it was freed/],
  ] as const) {
    const args = ['--conditions=verbena-source', mpirun, '-n', '1', ...guard, `${overrun}heap-overrun.c`, '--', where];
    await expect(exec(process.execPath, args)).rejects.toMatchObject({ stderr: expect.stringMatching(what) });
  }
});
