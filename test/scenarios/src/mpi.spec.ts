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

/** Builds and runs a program on as many VMs as ranks; rejects with its output when a rank does not end with 0. */
async function run(name: string, ranks: number, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const args = ['--conditions=verbena-source', mpirun, '-n', String(ranks), '--limit', '100000', `${directory}${name}`];
  return (await exec(process.execPath, args, { env: { ...process.env, ...env }, timeout: 170_000, maxBuffer: 1 << 24 })).stdout;
}

describe.each(programs)('%s', (name) => {
  test.each([1, 2, 5])('passes with %i ranks', async (ranks) => {
    expect(await run(name, ranks)).toMatch(/^(ok|rank 0 of)/m);
  });
});
