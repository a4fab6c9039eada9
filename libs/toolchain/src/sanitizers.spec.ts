import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runGuest } from './testing/tiny-guest.ts';
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

function run({ image, diagnostics }: Compiled, args: string[]): TinyRun {
  if (image === undefined) throw new Error(`no image was made: ${diagnostics}`);
  return runGuest(image.wasm, image.manifest.memory.minimumBytes, { args });
}

describe('-fsanitize=undefined', () => {
  const source = `struct cell { int pad[4]; int value; };
    __attribute__((noinline)) int get(const struct cell *c) { return c->value; }
    __attribute__((noinline)) int at(const int *t, int i) { int own[3] = {t[0], 5, 6}; return own[i]; }
    int main(int c, char **v) {
      struct cell one = {{0}, 3};
      switch (v[1][0]) {
        case 'n': return get(c > 5 ? &one : 0);
        case 'b': return at(&c, c + 1);
        case 'o': return 2147483646 + c == 0;
        case 's': return (c << (c + 40)) == 5;
        case 'd': return c / (c - 2);
      }
      return get(&one);
    }`;

  it.each([
    ['n', "wrong.c:2:73: runtime error: member access within a null pointer of type 'const struct cell'"],
    ['b', 'wrong.c:3:95: runtime error: index outside its array'],
    ['o', 'wrong.c:9:37: runtime error: integer overflow in an addition'],
    ['s', 'wrong.c:10:29: runtime error: shift by more bits than the type has, or of a negative number'],
    ['d', 'wrong.c:11:28: runtime error: division by zero, or integer overflow in a division'],
  ])('ends the program at mistake %s with its place', async (mistake, line) => {
    bench.write({ 'wrong.c': source });
    const { stderr, exitCode } = run(await bench.compile(['-fsanitize=undefined', 'wrong.c']), [mistake]);
    expect(stderr).toBe(`${line}\n`);
    expect(exitCode).toBe(134);
  });

  it('leaves a program without mistakes alone', async () => {
    bench.write({ 'wrong.c': source });
    expect(run(await bench.compile(['-fsanitize=undefined', 'wrong.c']), ['-'])).toEqual({ exitCode: 3, stdout: '', stderr: '' });
  });
});
