import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Workbench } from './testing/workbench.ts';

/** The first compilation builds the guest's libraries, which takes long on a busy machine. */
vi.setConfig({ testTimeout: 180_000 });

let bench: Workbench;
beforeAll(() => {
  bench = new Workbench().write({
    'ok.c': 'int main(void) { return 0; }\n',
    'wrong.c': 'int main(void) { return answer; }\n',
    'headless.c': '#include "nowhere.h"\n',
    'loose.c': 'int nobody_has_this(void);\nint main(void) { return nobody_has_this(); }\n',
    'no-main.c': 'int x;\n',
  });
});
afterAll(() => {
  bench.remove();
});

describe('the compiler driver', () => {
  it("passes clang's words and exit code on untouched", async () => {
    const { exitCode, stderr } = await bench.drive(['./wrong.c']);
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      "./wrong.c:1:25: error: use of undeclared identifier 'answer'\n    1 | int main(void) { return answer; }\n      |                         ^~~~~~\n1 error generated.\n",
    );
    expect(existsSync(join(bench.directory, 'a.vmi'))).toBe(false);
  });

  it.each([
    [['missing.c'], 'verbena cc: error: missing.c: no such file\n'],
    [['headless.c'], "headless.c:1:10: fatal error: 'nowhere.h' file not found"],
    [['ok.c', '-lhdf5'], 'verbena cc: error: cannot find -lhdf5: guests do not come with it, and no -L directory is given\n'],
    [['ok.c', '-L', 'libs', '-lhdf5'], 'and libhdf5.a is not in libs\n'],
    [['loose.c'], 'wasm-ld: error: loose.c: undefined symbol: nobody_has_this\n'],
    [['no-main.c'], 'undefined symbol: main\n'],
    [['-shared', 'ok.c'], 'shared libraries are not supported\n'],
    [['-fsanitize=null,address', 'ok.c'], 'guests have -fsanitize=undefined and its parts, and no address sanitizer\n'],
    [['solver.f90'], 'solver.f90: Fortran is not supported; guests are C and C++\n'],
    [['notes.txt'], 'notes.txt: file format not recognized'],
    [['-bogus', 'ok.c'], "unrecognized command-line option '-bogus'\n"],
    [['ok.c', '-o'], "missing argument to '-o'\n"],
    [['-c', 'ok.c', 'loose.c', '-o', 'x.o'], 'cannot specify -o with -c, -S or -E with multiple files\n'],
    [[], 'verbena cc: error: no input files\n'],
    [['ok.c', '-o', 'not/a/directory/x.vmi'], "no such file or directory, open '"],
  ])('refuses %j in a clear sentence', async (args, message) => {
    const { exitCode, stderr, stdout } = await bench.drive(args);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
    expect(exitCode).toBe(1);
  });

  it('takes the options of other machines and says what has no effect', async () => {
    const args =
      '-O3 -march=native -mtune=generic -mavx2 -m64 -pthread -static -Wl,-rpath,/opt/lib -fPIC -fopenmp -fno-such-thing ok.c -lm -lpthread -lmpi'.split(
        ' ',
      );
    const { exitCode, stderr } = await bench.drive(args);
    expect(exitCode).toBe(0);
    expect(stderr).toBe(
      'verbena: note: -fopenmp has no effect: guests have one thread each; use more ranks instead\n' +
        'verbena: warning: -fno-such-thing is not known to clang and has no effect\n',
    );
  });

  it('answers questions without compiling', async () => {
    expect((await bench.drive(['--version'])).stdout).toMatch(/^verbena cc \d+\.\d+\.\d+ \(clang version 22\.1\.0\)\n/);
    expect((await bench.drive(['-dumpmachine'])).stdout).toBe('wasm32-unknown-wasip1\n');
    expect((await bench.drive(['-show', 'ok.c'])).stdout).toContain('--target=wasm32-wasip1');
    expect((await bench.drive(['-showme:compile'])).stdout).toContain('guest-mpi/include');
    expect((await bench.drive(['-showme:link'])).stdout).toContain('-Wl,--import-memory');
    expect(existsSync((await bench.drive(['-print-cmake-toolchain'])).stdout.trim())).toBe(true);
    const help = (await bench.drive(['--help'])).stdout;
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('reads arguments from a file and a source from standard input', async () => {
    bench.write({ 'args.txt': '-E "-DNAME=a \\"quoted\\" word"\n -x c -' });
    const { stdout, exitCode } = await bench.drive(['@args.txt'], { stdin: 'NAME\n' });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('\na "quoted" word\n');
  });

  it('writes a.vmi when no name is given', async () => {
    expect((await bench.drive(['ok.c'])).exitCode).toBe(0);
    expect(existsSync(join(bench.directory, 'a.vmi'))).toBe(true);
  });
});
