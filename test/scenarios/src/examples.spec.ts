/** Every program of examples/ runs and, where it verifies its result, finds it right: at one rank, at an even and at an odd number. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 200_000 });
const directory = fileURLToPath(new URL('../../../examples/', import.meta.url));
const mpirun = fileURLToPath(new URL('../../framework/src/mpirun.ts', import.meta.url));
const programs = readdirSync(directory).filter((name) => name.endsWith('.c'));

let scratch = '';
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'verbena-examples-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

function run(name: string, ranks: number): Promise<{ code: number; stdout: string; stderr: string }> {
  const args = ['--conditions=verbena-source', mpirun, '-n', String(ranks), '--limit', '150000', join(directory, name)];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: scratch, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, stdout, stderr });
    });
  });
}

describe.each(programs)('%s', (name) => {
  /* The transform needs a number of ranks that divides its side. */
  test.each([1, 2, name === 'fft.c' ? 4 : 3])('with %i ranks', async (ranks) => {
    const { code, stdout, stderr } = await run(name, ranks);
    expect([code, code === 0 ? '' : stdout + stderr]).toEqual([0, '']);
    if (readFileSync(join(directory, name), 'utf8').includes('"verified"')) expect(stdout).toMatch(/: verified\n/);
  });
});

test('the table of examples names each of them', () => {
  const table = readFileSync(join(directory, 'README.md'), 'utf8');
  for (const name of programs) expect(table).toContain(`\`${name}\``);
});
