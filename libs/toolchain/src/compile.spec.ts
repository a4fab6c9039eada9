import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseManifest } from '@verbena/guest-image';
import { moduleInfo } from './module-info.ts';
import { DATA_BASE, STACK_BYTES } from './target.ts';
import { exportsOf, importsOf, runGuest } from './testing/tiny-guest.ts';
import type { TinyRun } from './testing/tiny-guest.ts';
import { Workbench } from './testing/workbench.ts';
import type { Compiled } from './testing/workbench.ts';

/** The first compilation builds the guest's libraries, which takes long on a busy machine. */
vi.setConfig({ testTimeout: 180_000 });

let bench: Workbench;
beforeAll(() => {
  bench = new Workbench();
});
afterAll(() => {
  bench.remove();
});

function run(compiled: Compiled, args: string[] = []): TinyRun {
  expect(compiled.diagnostics).toBe('');
  if (compiled.image === undefined) throw new Error('no image was made');
  const { wasm, manifest } = compiled.image;
  const boot = (page: DataView): void => {
    const name = Buffer.from('node-3\0');
    name.forEach((byte, index) => {
      page.setUint8(72 + 128 + index, byte);
    });
    page.setUint32(8, 5, true);
  };
  return runGuest(wasm, manifest.memory.minimumBytes, { args, boot });
}

describe('a program in C', () => {
  it('compiles, prints and exits as it says', async () => {
    bench.write({
      'hello.c':
        '#include <stdio.h>\nint main(int argc, char **argv) { printf("%s %lld %.3f %Lg\\n", argv[1], 1ll << 40, 0.5, 2.5L); return 3; }',
    });
    expect(run(await bench.compile(['hello.c', '-o', 'hello.vmi']), ['x'])).toEqual({
      exitCode: 3,
      stdout: 'x 1099511627776 0.500 2.5\n',
      stderr: '',
    });
  });

  it('may be in several directories, with headers beside, above and on the path', async () => {
    bench.write({
      'app/src/main.c':
        '#include "../inc/a.h"\n#include <b.h>\n#include <stdio.h>\nint main(void) { printf("%s %d %d\\n", NAME, a(), B); return 0; }',
      'app/src/a.c': '#include "a.h"\nint a(void) { return counter += 41; }',
      'app/inc/a.h': '#pragma once\n#include "deep/../deep/more.h"\nint a(void);\n',
      'app/inc/deep/more.h': '#pragma once\n#include "../a.h"\nint counter;\nstruct once { int x; };\n',
      'app/lib/b.h': '#include HEADER\n',
      'app/lib/c.h': '#define B 7\n',
    });
    const args = ['src/main.c', '../app/src/a.c', '-Iinc', '-I', 'lib', '-DNAME="two words"', '-DHEADER="c.h"', '-lm'];
    expect(run(await bench.compile(args, { cwd: 'app' })).stdout).toBe('two words 41 7\n');
  });

  it('may define a variable tentatively in a header, but no function twice', async () => {
    bench.write({
      'one.c': 'int shared[4]; int main(void) { return shared[1]; }',
      'two.c': 'int shared[4];',
      'three.c': 'int main(void) { return 0; }',
    });
    expect((await bench.compile(['one.c', 'two.c'])).exitCode).toBe(0);
    const twice = await bench.compile(['one.c', 'three.c']);
    expect(twice.exitCode).toBe(1);
    expect(twice.diagnostics).toContain('duplicate symbol');
    expect(twice.diagnostics).toContain('>>> defined in three.c');
  });

  it('may take its environment as a third parameter of main', async () => {
    bench.write({ 'env.c': '#include <stdio.h>\nint main(int c, char **v, char **e) { puts(e[0]); return c; }' });
    expect(run(await bench.compile(['env.c']))).toEqual({ exitCode: 1, stdout: 'GREETING=hello\n', stderr: '' });
  });

  it('may jump out of its calls, and is then not instrumented', async () => {
    bench.write({
      'jump.c': `#include <setjmp.h>
        #include <stdio.h>
        static jmp_buf top;
        static void deep(int n) { if (n == 0) longjmp(top, 5); deep(n - 1); }
        int main(void) { volatile int rounds = 0; int v = setjmp(top); printf("%d ", v); if (rounds++ < 2) deep(3); return 0; }`,
    });
    const compiled = await bench.compile(['jump.c']);
    expect(run(compiled).stdout).toBe('0 5 5 ');
    expect(compiled.image?.manifest.asyncify).toBeNull();
  });

  it('compiles even where an assertion in the vectorizer stops clang', async () => {
    bench.write({
      'worst.c': `#include <math.h>
        double worst(const double *a, const double *b, int n) { double e = 0; for (int i = 0; i < n; i++) e = fmax(e, fabs(a[i] - b[i])); return e; }
        int main(void) { double a[] = {1, 2, 3, 4, 5}, b[] = {1, 2, 6, 4, 5}; return (int)worst(a, b, 5); }`,
    });
    expect(run(await bench.compile(['-O2', 'worst.c'])).exitCode).toBe(3);
  });

  it('finds what the C library lacks: its host, its process, signals, errno, and no children', async () => {
    bench.write({
      'posix.c': `#define _GNU_SOURCE
        #include <errno.h>
        #include <math.h>
        #include <sched.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        static void on_signal(int n) { printf("signal %d\\n", n); }
        int main(void) {
          char name[64];
          gethostname(name, sizeof name);
          printf("%s %d %.1f\\n", name, getpid(), sqrt(6.25));
          struct sigaction action = {.sa_handler = on_signal};
          sigaction(SIGUSR1, &action, NULL);
          kill(getpid(), SIGUSR1);
          errno = 0;
          int forked = fork();
          printf("%d %d\\n", forked, errno == ENOSYS);
          system("ls");
          cpu_set_t cpus;
          sched_getaffinity(0, sizeof cpus, &cpus);
          return CPU_COUNT(&cpus);
        }`,
    });
    const { exitCode, stdout, stderr } = run(await bench.compile(['posix.c', '-Wall', '-Werror', '-lm']));
    expect(stdout).toBe('node-3 1005 2.5\nsignal 10\n-1 1\n');
    expect(stderr.split('\n')).toHaveLength(3);
    expect(stderr).toContain('verbena: fork() is not available in a guest');
    expect(exitCode).toBe(1);
  });
});

describe('a program in C++', () => {
  it('has iostream, containers, thread-local and static objects', async () => {
    bench.write({
      'a.cc': `#include <iostream>
        #include <map>
        #include <string>
        struct Loud { ~Loud() { std::cout << "bye\\n"; } };
        static Loud loud;
        thread_local int local = 6;
        int main() { std::map<std::string, int> m{{"b", 2}, {"a", 1}}; for (auto &[k, v] : m) std::cout << k << v << ' '; std::cout << ++local << std::endl; }`,
    });
    expect(run(await bench.compile(['-std=c++17', 'a.cc'], { language: 'c++' })).stdout).toBe('a1 b2 7\nbye\n');
  });

  it('compiles with try and throw, and what is thrown ends it with its type and text', async () => {
    bench.write({
      'throw.cc': `#include <cstdio>
        #include <stdexcept>
        int main(int c, char **v) {
          try { std::puts("begun"); if (c > 1) throw std::out_of_range(v[1]); } catch (const std::exception &e) { return 9; }
          return 4;
        }`,
    });
    const compiled = await bench.compile(['throw.cc'], { language: 'c++' });
    expect(run(compiled)).toEqual({ exitCode: 4, stdout: 'begun\n', stderr: '' });
    const { stderr, stdout, exitCode } = run(compiled, ['too far']);
    expect(stdout).toBe('begun\n');
    expect(stderr).toBe('verbena: the program ends: std::out_of_range was thrown: too far; C++ exceptions cannot be caught in a guest\n');
    expect(exitCode).toBe(134);
  });
});

describe('the image', () => {
  it('has data and heap above the special pages, the stack below them, and says what memory it needs', async () => {
    bench.write({
      'layout.c':
        '#include <stdio.h>\nstatic int data = 1; char bss[3000000];\nint main(void) { int local; printf("%u %u %u", (unsigned)&local, (unsigned)&data, (unsigned)bss); return 0; }',
    });
    const compiled = await bench.compile(['-O0', 'layout.c']);
    const [stack = 0, data = 0, bss = 0] = run(compiled).stdout.split(' ').map(Number);
    expect(stack).toBeLessThan(STACK_BYTES);
    expect(Math.min(data, bss)).toBeGreaterThanOrEqual(DATA_BASE);
    expect(compiled.image?.manifest.memory.minimumBytes).toBeGreaterThan(DATA_BASE + 3_000_000);
    expect(compiled.image?.manifest.memory.defaultBytes).toBe(256 * 1024 * 1024);
  });

  it('asks for more than the usual memory when its own data need more', async () => {
    bench.write({ 'big.c': 'char big[240u << 20];\nint main(int c, char **v) { big[c] = 1; return big[c * 1000]; }' });
    const { image } = await bench.compile(['-O0', 'big.c']);
    expect(image?.manifest.memory.defaultBytes).toBeGreaterThan(300 * 1024 * 1024);
  });

  it('keeps the names of functions, exports its stack pointer, and is instrumented for the blocking imports', async () => {
    bench.write({
      'named.c':
        '__attribute__((noinline)) int very_telling_name(int x) { return x * 3; }\nint main(int c, char **v) { return very_telling_name(c); }',
    });
    const { image } = await bench.compile(['named.c']);
    if (image === undefined) throw new Error('no image was made');
    expect(Buffer.from(image.wasm).includes('very_telling_name')).toBe(true);
    expect(exportsOf(image.wasm)).toEqual(
      expect.arrayContaining(['_start', '__stack_pointer', 'asyncify_start_unwind', 'asyncify_stop_rewind']),
    );
    expect(importsOf(image.wasm)).toEqual(moduleInfo(image.wasm).imports);
    expect(parseManifest(image.manifestBytes).asyncify?.imports).toContain('verbena.hypercall_block');
  });

  it('is the same whenever and wherever it is made', async () => {
    bench.write({ 'same.c': '#include <stdio.h>\nint main(void) { return puts("same"); }' });
    const first = await bench.compile(['same.c'], { cacheDirectory: join(bench.directory, 'cache-1') });
    const again = await bench.compile(['same.c'], { cacheDirectory: join(bench.directory, 'cache-1') });
    const elsewhere = await bench.compile(['same.c'], { cacheDirectory: join(bench.directory, 'cache-2') });
    expect(again.image?.digest).toBe(first.image?.digest);
    expect(elsewhere.image?.digest).toBe(first.image?.digest);
  });

  it('is made anew when a header changes, or one appears that is found first', async () => {
    bench.write({
      'h.c': '#include <value.h>\nint main(void) { return VALUE; }',
      'late/value.h': '#define VALUE 1\n',
      'early/other.h': '',
    });
    const args = ['h.c', '-Iearly', '-Ilate'];
    expect(run(await bench.compile(args)).exitCode).toBe(1);
    bench.write({ 'late/value.h': '#define VALUE 2\n' });
    expect(run(await bench.compile(args)).exitCode).toBe(2);
    bench.write({ 'early/value.h': '#define VALUE 3\n' });
    expect(run(await bench.compile(args)).exitCode).toBe(3);
  });
});

describe('Asyncify', () => {
  const source = `#include <verbena/abi.h>
    __attribute__((noinline)) double kernel(const double *a, int n) { double s = 0; for (int i = 0; i < n; i++) s += a[i] * a[n - 1 - i]; return s; }
    __attribute__((noinline)) int waits(int x) { return vb_hypercall_block(x, 0, 0, 0, 0); }
    double numbers[100];
    int main(int c, char **v) { numbers[3] = c; return waits(c) + (int)kernel(numbers, 100); }`;

  it('instruments what can reach a blocking import, and leaves the rest as it was', async () => {
    bench.write({ 'wait.c': source });
    const plain = await bench.compile(['wait.c', '--no-asyncify']);
    const instrumented = await bench.compile(['wait.c', '--no-polls']);
    if (plain.image === undefined || instrumented.image === undefined) throw new Error('no image was made');
    expect(plain.image.manifest.asyncify).toBeNull();
    const [before, after] = [await bodies(plain.image.wasm), await bodies(instrumented.image.wasm)];
    expect(after.get('kernel')).toBe(before.get('kernel'));
    // Asyncify keeps its state in a global that has no name.
    for (const name of ['waits', 'main']) {
      expect(before.get(name)).not.toContain('(global.get $global$)');
      expect(after.get(name)).toContain('(global.get $global$)');
    }
  });

  it("lets a program's own loops poll, and no library's; the image says so", async () => {
    bench.write({ 'wait.c': source });
    const polled = await bench.compile(['wait.c']);
    const unpolled = await bench.compile(['wait.c', '--no-polls']);
    if (polled.image === undefined || unpolled.image === undefined) throw new Error('no image was made');
    expect([polled.image.manifest.asyncify?.polls, unpolled.image.manifest.asyncify?.polls]).toEqual([true, false]);
    const [after, before] = [await bodies(polled.image.wasm), await bodies(unpolled.image.wasm)];
    const polls = (all: ReadonlyMap<string, string>): string[] =>
      [...all].filter(([, body]) => body.includes('(call $vb_poll)')).map(([name]) => name);
    expect(polls(before)).toEqual([]);
    expect(polls(after)).toContain('kernel');
    expect(polls(after).filter((name) => !['kernel', 'waits', 'main', '__main_argc_argv'].includes(name))).toEqual([]);
  });
});

const plainText = (body: string): string => body.replaceAll(/ *\(local \$\d+ \w+\)\n/g, '').replaceAll(/\$(label|block)?\d+/g, '$$');

/** The text of each function by name, without the numbers of its locals and labels, which every tool gives anew. */
async function bodies(wasm: Uint8Array): Promise<Map<string, string>> {
  const { default: binaryen } = await import('binaryen');
  const module = binaryen.readBinary(wasm);
  const text = module.emitText();
  module.dispose();
  return new Map(Array.from(text.matchAll(/\n \(func \$(\S+)([\s\S]*?)\n \)/g), ([, name, body]) => [name ?? '', plainText(body ?? '')]));
}

describe('the outputs', () => {
  it('of -c and -MMD are an object and its dependencies, and objects link', async () => {
    bench.write({
      'part.c': '#include "part.h"\n#include <stdio.h>\nint part(void) { return PART; }',
      'part.h': '#define PART 9\n',
      'whole.c': 'int part(void); int main(void) { return part(); }',
    });
    bench.write({ 'build/.keep': '' });
    expect((await bench.drive(['-c', 'part.c', '-MMD', '-o', 'build/obj.o'])).exitCode).toBe(0);
    expect(readFileSync(join(bench.directory, 'build/obj.d'), 'utf8')).toBe('build/obj.o: part.c part.h\n');
    expect(run(await bench.compile(['whole.c', 'build/obj.o'])).exitCode).toBe(9);
  });
});
