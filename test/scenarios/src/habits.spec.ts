/**
 * What programs do that were written for other machines: each of test/guests/habits says at its top what it tries and, where it is more than
 * "ok" and exit code 0, what must come of it. The Makefile and the CMake project are built with the tools that users have.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 300_000 });
const root = fileURLToPath(new URL('../../../', import.meta.url));
const habits = join(root, 'test/guests/habits');
const programs = readdirSync(habits).filter((name) => /\.(c|cpp)$/.test(name));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(command, args, { ...options, timeout: 280_000, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
    });
  });
}

const mpirun = (...args: string[]): Promise<Ended> =>
  run(process.execPath, ['--conditions=verbena-source', join(root, 'test/framework/src/mpirun.ts'), '--limit', '100000', ...args]);

/** What a program's first comment says after a word: `stderr: text`. */
function expected(source: string, word: 'stdout' | 'stderr' | 'exit'): string[] {
  return Array.from(source.matchAll(new RegExp(`^(?: \\*|//) ${word}: (.*)$`, 'gm')), ([, text = '']) => text);
}

describe('programs with the habits of other machines', () => {
  test.each(programs)('%s', async (name) => {
    const path = join(habits, name);
    const source = readFileSync(path, 'utf8');
    const { code, stdout, stderr } = await mpirun(
      '-n',
      source.includes('mpi.h') ? '2' : '1',
      path,
      ...(/\.cpp$/.test(name) ? ['-std=c++20'] : []),
    );
    const [exit = '0'] = expected(source, 'exit');
    expect([code, code === Number(exit) ? '' : stdout + stderr]).toEqual([Number(exit), '']);
    for (const line of exit === '0' ? ['ok', ...expected(source, 'stdout')] : expected(source, 'stdout')) expect(stdout).toContain(line);
    for (const line of expected(source, 'stderr')) expect(stderr).toContain(line);
  });
});

describe('projects with the tools of other machines', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'verbena-habits-'));
    cpSync(habits, directory, { recursive: true });
  });
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env['PATH'] ?? ''}` };

  test('a makefile with a static library, built with make CC="verbena cc", and built again when a header has changed', async (context) => {
    if ((await run('make', ['--version'])).code !== 0) return context.skip('this machine has no make');
    const cwd = join(directory, 'makefile');
    const make = ['CC=verbena cc'];
    expect(await run('make', make, { cwd, env })).toMatchObject({ code: 0, stderr: '' });
    expect(await mpirun('-n', '3', join(cwd, 'jacobi'), '--', '--points', '48')).toMatchObject({ code: 0, stdout: 'ok\n' });
    expect((await run('make', ['-q', ...make], { cwd, env })).code).toBe(0);
    expect((await run('make', ['-q', '-W', 'include/solver.h', ...make], { cwd, env })).code).toBe(1);
  });

  test('a CMake project in C and C++ that looks for MPI and threads', async (context) => {
    if ((await run('cmake', ['--version'])).code !== 0) return context.skip('this machine has no cmake');
    const cwd = join(directory, 'cmake');
    const toolchain = (await run('verbena', ['cc', '-print-cmake-toolchain'], { env })).stdout.trim();
    const configured = await run('cmake', ['-B', 'build', '--toolchain', toolchain], { cwd, env });
    expect([configured.code, configured.stderr]).toEqual([0, '']);
    const built = await run('cmake', ['--build', 'build'], { cwd, env });
    expect([built.code, built.stderr]).toEqual([0, '']);
    expect(await mpirun('-n', '3', join(cwd, 'build', 'mesh'))).toMatchObject({ code: 0, stdout: 'ok\n' });
  });
});
