/**
 * The MPI library in its guests: every program of test/guests/mpi, which says itself what it catches, with several numbers of ranks, over shared
 * memory and over the adapter, and with its channels stopped and renewed all the time. Each is compiled once; the runs share their threads.
 */
import { guestThreads, runGuests, type GuestRun, type GuestRunResult } from '@verbena/framework';
import type { GuestImage } from '@verbena/guest-image';
import { closeToolchain, compile } from '@verbena/toolchain';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const directory = fileURLToPath(new URL('../../guests/mpi/', import.meta.url));
const programs = readdirSync(directory).filter((name) => name.endsWith('.c'));
const threads = guestThreads();

/** A heap that finds writes beside its blocks, in place of the C library's. */
const guard = ['-include', `${directory}guard.h`];

async function build(name: string, flags: readonly string[]): Promise<GuestImage> {
  let diagnostics = '';
  const onDiagnostics = (text: string): void => void (diagnostics += text);
  const { image } = await compile({ language: 'c', args: ['-O2', ...flags, `${directory}${name}`], cwd: directory, onDiagnostics });
  if (image === undefined) throw new Error(`${name} does not compile: ${diagnostics}`);
  return image;
}

function run(image: GuestImage, plan: Omit<GuestRun, 'image'>): Promise<GuestRunResult> {
  return runGuests({ image, threads, limitMs: 160_000, ...plan });
}

function expectGood({ exits, stdout, stderr, waitsFor, quiescing }: GuestRunResult): void {
  const more = JSON.stringify({ waitsFor, quiescing, counters: exits.map(({ counters }) => counters.hypercalls) });
  expect(
    exits.map(({ cause, exitCode, detail }) => [cause, exitCode, detail]),
    `${stderr.join('')}\n${more}`,
  ).toEqual(exits.map(() => ['exited', 0, '']));
  expect(stdout.join('')).toMatch(/^(ok|rank 0 of)/m);
}

afterAll(async () => {
  await threads.close();
  await closeToolchain();
});

describe.each(programs)('%s', (name) => {
  let image: GuestImage;
  beforeAll(async () => {
    image = await build(name, guard);
  });

  test.each([
    ['alone', 1, 1, 'bypass'],
    ['two neighbours', 2, 1, 'ivc'],
    ['two hosts', 2, 2, 'bypass'],
    ['three hosts', 3, 3, 'bypass'],
    ['four neighbours', 4, 1, 'bypass'],
    ['five on two hosts', 5, 2, 'bypass'],
    ['eight on three hosts, by channels and adapters', 8, 3, 'ivc'],
  ] as const)('passes: %s', async (_, size, hosts, ioPath) => {
    expectGood(await run(image, { size, hosts, ioPath }));
  });

  test('passes while its channels stop and go on again and again', async () => {
    expectGood(await run(image, { size: 4, hosts: 2, quiescing: { seed: 11, everyMs: 1, most: 10, patienceMs: 3000 } }));
  });
});

test.each([
  ['collectives.c', []],
  ['communicators.c', []],
  ['hello.c', []],
  ['inter.c', []],
  ['random.c', ['100']],
  ['windows.c', []],
])('%s passes with sixteen ranks, and the heap of the C library', async (name, args) => {
  expectGood(await run(await build(name, []), { size: 16, hosts: 2, args }));
});

describe('whatever a table chooses', () => {
  let images: readonly GuestImage[];
  beforeAll(async () => {
    images = await Promise.all(['levels.c', 'collectives.c', 'allreduce-lengths.c'].map((name) => build(name, guard)));
  });

  test.each([
    'barrier * * * two-level; bcast * * * two-level; reduce * * * two-level; allreduce * * * two-level; allgather * * * two-level',
    'barrier * * * dissemination; bcast * * * binomial; reduce * * * binomial; allreduce * * * doubling; allgather * * * ring',
    'bcast * * * scatter-ring; allreduce * * * rabenseifner; allgather * * * bruck; alltoall * * * bruck',
  ])('collectives are right: %s', async (table) => {
    for (const image of images) expectGood(await run(image, { size: 7, hosts: 3, env: { VERBENA_MPI_TUNING: table } }));
  });

  test('a row that means nothing is told at the start', async () => {
    const { exits, stderr } = await run(images[0]!, {
      size: 1,
      env: { VERBENA_MPI_TUNING: 'bcast * * * binomial; bcast here 4 * binomial' },
    });
    expect([exits[0]?.cause, stderr.join('')]).toEqual([
      'mpi-abort',
      expect.stringContaining('MPI_Init: VERBENA_MPI_TUNING: "bcast here 4 * binomial" is not COLLECTIVE WHERE RANKS BYTES ALGORITHM'),
    ]);
  });
});

test('a fatal error names its call, whichever family it is of', async () => {
  const image = await build('../behaviour/mpi-fatal.c', []);
  const calls = (await run(image, { size: 1 })).stdout.join('').trim().split('\n');
  expect(calls.length).toBeGreaterThan(20);
  for (const call of calls) {
    const { exits, stderr } = await run(image, { size: 1, args: [call] });
    expect(exits[0]?.cause, call).toBe('mpi-abort');
    expect(stderr.join('')).toMatch(new RegExp(`^rank 0: ${call}: .{5,}`, 'm'));
  }
});

test('4 GiB of memory can be had, addressed and sent from to the end', async () => {
  const image = await build('../behaviour/large-memory.c', []);
  for (const hosts of [1, 2]) expectGood(await run(image, { size: 2, hosts, memoryBytes: 2 ** 32 }));
});

test('long messages in both directions go on where every doorbell is slow', async () => {
  expectGood(await run(await build('both-ways.c', guard), { size: 2, hosts: 2, ioPath: 'vmm' }));
});

test('processes are spawned, and leave, over channels of shared memory and in processes of their own', async () => {
  const image = await build('spawn.c', []);
  for (let round = 0; round < 3; round++) expectGood(await run(image, { size: 4, hosts: 2, ioPath: 'ivc' }));
  expectGood(await run(image, { size: 3, hosts: 2, processes: 2 }));
});

test('the guarded heap notices a write of one byte behind a block, and one before it', async () => {
  const image = await build('../behaviour/heap-overrun.c', guard);
  for (const [where, what] of [
    ['behind', /heap guard: written behind the block: block \d+ of 100 bytes at 0x[0-9a-f]+, offset 100, in use/],
    ['before', /heap guard: written before the block/],
    ['freed', /heap guard: written after it was freed/],
  ] as const) {
    const { exits, stderr } = await run(image, { size: 1, args: [where] });
    expect(exits[0]?.exitCode).not.toBe(0);
    expect(stderr.join('')).toMatch(what);
  }
});
