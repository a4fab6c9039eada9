/**
 * What VERBENA_CHECK=1 finds: each program of test/guests/checks makes one mistake, and says at its top what must be reported, with file and
 * line. The last is without mistakes, and so are the conformance programs, which must not be suspected.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 200_000 });
const directory = fileURLToPath(new URL('../../guests/checks/', import.meta.url));
const mpirun = fileURLToPath(new URL('../../framework/src/mpirun.ts', import.meta.url));

function run(path: string, ranks: number, limitMs = 60_000): Promise<{ code: number; stdout: string; stderr: string }> {
  const args = ['--conditions=verbena-source', mpirun, '-n', String(ranks), '--limit', String(limitMs), '-DVERBENA_CHECK', path];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: directory, env: { ...process.env, VERBENA_CHECK: '1' } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, stdout, stderr });
    });
  });
}

describe('a program that is checked', () => {
  test.each(readdirSync(directory).filter((name) => name !== 'clean.c'))('%s', async (name) => {
    const source = readFileSync(`${directory}${name}`, 'utf8');
    const { code, stderr } = await run(name, 2, name === 'deadlock.c' ? 5000 : 60_000);
    const lines = Array.from(source.matchAll(/^ \* stderr: (.*)$/gm), ([, text = '']) => text);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(stderr).toContain(line);
    expect(code).toBe(/^ \* exit: 0$/m.test(source) ? 0 : 1);
  });

  test('clean.c is not suspected of anything', async () => {
    expect(await run('clean.c', 3)).toEqual({ code: 0, stdout: 'ok\n'.repeat(3), stderr: '' });
  });

  test.each(['collectives.c', 'nonblocking.c', 'windows.c', 'files.c', 'communicators.c', 'random.c'])(
    'the conformance program %s runs as it does unchecked',
    async (name) => {
      const { code, stdout, stderr } = await run(`../mpi/${name}`, 3);
      expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^(ok|rank 0 of)/m);
    },
  );
});
