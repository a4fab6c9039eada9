/** What the MPI library does to be fast: programs that notice when it does not, or when it does so wrongly. */
import { fileURLToPath } from 'node:url';
import { runGuests } from '@verbena/framework';
import type { GuestImage } from '@verbena/guest-image';
import { compile } from '@verbena/toolchain';
import { beforeAll, describe, expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 170_000, hookTimeout: 170_000 });
const directory = fileURLToPath(new URL('../../guests/tuning/', import.meta.url));

async function build(name: string): Promise<GuestImage> {
  let diagnostics = '';
  const { image } = await compile({
    language: 'c',
    args: ['-O2', `${directory}${name}.c`],
    cwd: directory,
    onDiagnostics: (text) => void (diagnostics += text),
  });
  if (image === undefined) throw new Error(`${name} does not compile:\n${diagnostics}`);
  return image;
}

describe('a put or a get of consecutive bytes', () => {
  let image: GuestImage;
  beforeAll(async () => {
    image = await build('without-target');
  });

  test.each([
    ['over the adapter', { hosts: 2, ioPath: 'bypass' }],
    ['over a channel of one host', { hosts: 1, ioPath: 'ivc' }],
    ['through a driver domain', { hosts: 2, ioPath: 'split' }],
    ['over a link to another process', { hosts: 2, ioPath: 'bypass', processes: 2 }],
  ] as const)('needs nothing of the target, %s', async (_, how) => {
    const { exits, stdout, stderr } = await runGuests({ image, size: 2, limitMs: 150_000, ...how });
    expect([exits.map(({ cause, exitCode }) => [cause, exitCode]), stderr.join('')]).toEqual([Array(2).fill(['exited', 0]), '']);
    expect(stdout.join('')).toBe('ok\n');
  });
});

test('a program that is traced leaves what it sent, to whom, and its calls; one that is not leaves nothing', async () => {
  const image = await build('traced');
  /* One rank, which sends to itself: the ranks of such a run have one directory. */
  const run = async (env: Record<string, string>): Promise<string> =>
    (await runGuests({ image, size: 1, limitMs: 150_000, env })).stdout.join('');
  expect(await run({})).toBe('');
  const lines = (await run({ VERBENA_TRACE_MPI: '1' })).trimEnd().split('\n');
  const [head, ...rest] = lines.map((line): unknown => JSON.parse(line));
  expect(head).toMatchObject({ verbena_mpi_trace: 1, rank: 0, size: 1, calls: 5, dropped: 0 });
  expect(rest).toContainEqual({ peer: 0, messages: 3, bytes: 3000 });
  expect(rest).toContainEqual(expect.objectContaining({ call: 'MPI_Sendrecv', count: 3 }));
  expect(rest.filter((line) => Array.isArray(line) && line[0] === 'MPI_Sendrecv')).toHaveLength(3);
});
