import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { GuestImage } from '@verbena/guest-image';
import { compile } from '@verbena/toolchain';
import { example } from './guests.ts';
import { runTravellingGuests, type Travel, type Travelled } from './travelling-guests.ts';

async function imageOf(source: string, args: readonly string[] = []): Promise<GuestImage> {
  let diagnostics = '';
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const { image } = await compile({
    language: 'c',
    args: ['-O3', ...args, source],
    cwd,
    onDiagnostics: (text) => void (diagnostics += text),
  });
  if (image === undefined) throw new Error(`no image was linked: ${diagnostics}`);
  return image;
}

const still = { seed: 1, everyMs: 1e6, mostMoves: 0 };

/** Output without what is timed. */
const results = ({ stdout }: Travelled): string[] =>
  stdout.map((text) => text.replaceAll(/[\d.e+-]+ (?:m?s|seconds|MB\/s|GFlops?)\b/g, '(time)'));

/** The same program without a move, and moved at the moments of several seeds. */
async function sameWhenMoved(travel: Omit<Travel, 'seed' | 'everyMs'>, seeds: readonly number[], everyMs: number): Promise<void> {
  const expected = await runTravellingGuests({ ...travel, ...still });
  expect(expected.exits.map(({ cause, exitCode, detail }) => [cause, exitCode, detail])).toEqual(
    expected.exits.map(() => ['exited', 0, '']),
  );
  let moves = 0;
  for (const seed of seeds) {
    const moved = await runTravellingGuests({ ...travel, seed, everyMs });
    expect(moved.exits.map(({ cause, exitCode, detail }) => [cause, exitCode, detail])).toEqual(
      expected.exits.map(() => ['exited', 0, '']),
    );
    expect(results(moved)).toEqual(results(expected));
    moves += moved.moves;
  }
  expect(moves).toBeGreaterThan(0);
}

describe('a job whose ranks move while it runs', () => {
  let heat: GuestImage;
  let cg: GuestImage;
  beforeAll(async () => {
    heat = await imageOf(example('heat2d'));
    cg = await imageOf(example('cg'), ['-lm']);
  }, 300_000);

  it('computes what it computes without moving: heat in a plate, with neighbours on three hosts', async () => {
    await sameWhenMoved({ image: heat, size: 4, hosts: 3, args: ['128', '1500'] }, [1, 2], 30);
  }, 300_000);

  it('loses, doubles and spoils no message: guests that number each of them', async () => {
    const image = await imageOf(fileURLToPath(new URL('../../guests/migration/stamper.c', import.meta.url)));
    await sameWhenMoved({ image, size: 4, hosts: 3, args: ['10', '5'], memoryBytes: 128 * 2 ** 20 }, [5], 20);
  }, 300_000);

  it('chooses the same algorithms at all ranks, while where they are changes: collectives, one after the other', async () => {
    const image = await imageOf(fileURLToPath(new URL('../../guests/migration/collecting.c', import.meta.url)));
    const table = ['barrier', 'bcast', 'reduce', 'allreduce', 'allgather'].map((collective) => `${collective} nested * * two-level`);
    const env = { VERBENA_MPI_TUNING: table.join(';') };
    await sameWhenMoved({ image, size: 5, hosts: 3, args: ['1500'], env }, [6, 7], 30);
  }, 300_000);

  it('computes what it computes without moving: conjugate gradients, with reductions over all ranks', async () => {
    await sameWhenMoved({ image: cg, size: 4, hosts: 2, args: ['100'] }, [3, 4], 30);
  }, 300_000);
});

describe('a program that computes and calls nothing', () => {
  let computes: GuestImage;
  beforeAll(async () => {
    computes = await imageOf(fileURLToPath(new URL('../../guests/migration/computes.c', import.meta.url)), ['-lm']);
  }, 300_000);

  it.each([
    ['one loop over registers', 'sum', '20000'],
    ['loops in loops that are left early', 'nest', '1500'],
    ['functions that call themselves', 'recursion', '60000'],
    ['a function that the C library calls back', 'sort', '800'],
    ['functions by their addresses', 'pointers', '60000'],
    ['vectors and numbers of 64 bits', 'vectors', '4000'],
    ['an operation that the MPI library calls back', 'callback', '12000'],
  ])(
    'moves at a poll and computes the same: %s',
    async (_what, kind, turns) => {
      await sameWhenMoved({ image: computes, size: 1, hosts: 2, args: [kind, turns], mostMoves: 4 }, [1], 2);
    },
    300_000,
  );

  it('moves while the other ranks wait for it, and so do they', async () => {
    await sameWhenMoved({ image: computes, size: 3, hosts: 3, args: ['wait', '1500'], mostMoves: 6 }, [3], 10);
  }, 300_000);

  it('stands only in calls when its image has no polls, and says why', async () => {
    const image = await imageOf(fileURLToPath(new URL('../../guests/migration/computes.c', import.meta.url)), ['-lm', '--no-polls']);
    const { moves, withdrawn, why } = await runTravellingGuests({
      image,
      size: 1,
      hosts: 2,
      args: ['sum', '300000'],
      seed: 1,
      everyMs: 1,
      patienceMs: 50,
      mostMoves: 1,
    });
    expect(moves).toBe(0);
    expect(withdrawn).toBeGreaterThan(0);
    expect(why).toContain('its image has no polls');
  }, 300_000);
});
