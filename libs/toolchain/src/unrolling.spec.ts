import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Workbench } from './testing/workbench.ts';

/** The first compilation builds the guest's libraries, which takes long on a busy machine. */
vi.setConfig({ testTimeout: 180_000 });

let bench: Workbench;
beforeAll(() => {
  bench = new Workbench().write({
    'gather.c': `double gather(const double *value, const int *column, const double *whole, int first, int end) {
      double sum = 0;
      for (int k = first; k < end; k++) sum += value[k] * whole[column[k]];
      return sum;
    }`,
  });
});
afterAll(() => {
  bench.remove();
});

/** How often the loop's body is there, what comes before the loop included. */
async function turns(...flags: string[]): Promise<number> {
  const { outputs, diagnostics } = await bench.compile(['-S', 'gather.c', ...flags]);
  expect(diagnostics).toBe('');
  return (
    Buffer.from(outputs[0]?.content ?? [])
      .toString('utf8')
      .split('f64.mul').length - 1
  );
}

describe('a loop whose number of turns is not known', () => {
  it('is unrolled so far that computing addresses does not weigh, and not when size counts or the user says so', async () => {
    expect(await turns('-O3')).toBeGreaterThanOrEqual(8);
    expect(await turns('-Os')).toBeLessThan(4);
    expect(await turns('-O3', '-fno-unroll-loops')).toBe(1);
  });

  it('adds in the order of the source all the same', async () => {
    const { outputs } = await bench.compile(['-S', '-O3', 'gather.c']);
    const text = Buffer.from(outputs[0]?.content ?? []).toString('utf8');
    // Sums that are kept apart and joined at the end would be added more often than multiplied.
    expect(text.split('f64.add').length).toBe(text.split('f64.mul').length);
    expect(text).not.toContain('f64x2.add');
  });
});
