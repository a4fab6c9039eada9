/**
 * The channels of a running job stop and go on again and again, at moments that a seed chooses: with the queue pairs there are, with new ones as
 * after a move, and withdrawn in the middle. The guests check every message themselves; nothing may be lost, doubled, reordered or spoilt.
 */
import { runGuests, type GuestRunResult } from '@verbena/framework';
import { closeToolchain, compile } from '@verbena/toolchain';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const guests = fileURLToPath(new URL('../../guests/', import.meta.url));

interface Plan {
  readonly ranks: number;
  readonly seed: number;
  readonly everyMs: number;
  readonly args?: readonly string[];
  readonly processes?: number;
}

async function run(name: string, { ranks, seed, everyMs, args = [], processes = 0 }: Plan): Promise<GuestRunResult> {
  let diagnostics = '';
  const { image } = await compile({
    language: 'c',
    args: ['-O3', '-include', `${guests}mpi/guard.h`, `${guests}${name}`],
    cwd: guests,
    onDiagnostics: (text) => void (diagnostics += text),
  });
  if (image === undefined) throw new Error(diagnostics);
  const result = await runGuests({
    image,
    size: ranks,
    hosts: 2,
    processes,
    args,
    quiescing: { seed, everyMs, most: 30 },
    limitMs: 280_000,
  });
  expect(result.stderr.join('')).toBe('');
  expect(result.exits.map(({ cause, exitCode, detail }) => [cause, exitCode, detail])).toEqual(result.exits.map(() => ['exited', 0, '']));
  expect(result.stdout.join('')).toMatch(/^ok$/m);
  return result;
}

afterAll(closeToolchain);

describe('channels that stop', () => {
  test.each([1, 2, 3])(
    'lose no message of any kind, seed %i',
    async (seed) => {
      const { quiescing } = await run('migration/stamper.c', { ranks: 5, seed, everyMs: 2, args: ['20', String(seed)] });
      expect(quiescing?.same).toBeGreaterThan(0);
      expect(quiescing?.renewed).toBeGreaterThan(0);
      expect(quiescing?.withdrawn).toBeGreaterThan(0);
    },
    300_000,
  );

  test('lose no message between processes either', async () => {
    const { quiescing } = await run('migration/stamper.c', { ranks: 4, seed: 7, everyMs: 5, args: ['15', '7'], processes: 2 });
    expect(quiescing?.renewed).toBeGreaterThan(0);
  }, 300_000);
});
