/** Jobs whose ranks run in different operating system processes, with TCP between them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runGuests, type GuestRunResult } from '@verbena/framework';
import type { GuestImage } from '@verbena/guest-image';
import { closeToolchain, compile } from '@verbena/toolchain';
import { afterAll, describe, expect, it } from 'vitest';

const program = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

async function build(path: string): Promise<GuestImage> {
  let diagnostics = '';
  const onDiagnostics = (text: string): void => void (diagnostics += text);
  const { image } = await compile({ language: 'c', args: ['-O3', program(path)], cwd: process.cwd(), onDiagnostics });
  if (image === undefined) throw new Error(`${path} does not compile: ${diagnostics}`);
  return image;
}

function expectGood({ exits, stderr }: GuestRunResult): void {
  expect(
    exits.map(({ cause, exitCode, detail }) => [cause, exitCode, detail]),
    stderr.join(''),
  ).toEqual(exits.map(() => ['exited', 0, '']));
}

/** The most memory that a process has used, in MiB; 0 when it has ended. */
function peakMiB(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

describe('ranks in processes of their own', () => {
  afterAll(() => closeToolchain());

  it('exchange messages and sum up, four of them in two processes', async () => {
    const result = await runGuests({
      image: await build('test/guests/mpi/collectives.c'),
      size: 4,
      hosts: 4,
      processes: 2,
      limitMs: 100_000,
    });
    expectGood(result);
  }, 120_000);

  it('solve CG class S, verified, and no message of it enters the VMM', async () => {
    const result = await runGuests({
      image: await build('test/guests/nas/cg.c'),
      size: 2,
      hosts: 2,
      processes: 2,
      args: ['S'],
      limitMs: 100_000,
    });
    expectGood(result);
    expect(result.stdout.join('')).toContain('VERIFICATION SUCCESSFUL');
    for (const { counters } of result.exits) {
      expect(counters.messagesSent).toBeGreaterThan(100);
      expect(counters.dataPathVmmOperations).toBe(0);
    }
  }, 120_000);

  it('carry a gibibyte in bounded memory', async () => {
    const peaks: number[] = [];
    let watch: NodeJS.Timeout | undefined;
    const result = await runGuests({
      image: await build('test/guests/behaviour/stream.c'),
      ...{ size: 2, hosts: 2, processes: 2, memoryBytes: 128 << 20, limitMs: 100_000 },
      onRunning: (pids) => {
        watch = setInterval(() => pids.forEach((pid, i) => (peaks[i] = Math.max(peaks[i] ?? 0, peakMiB(pid)))), 20);
      },
    });
    clearInterval(watch);
    expectGood(result);
    expect(result.stdout[1]).toBe('whole\n');
    // Node itself, the guest's 128 MiB and the link's 2; a gibibyte that were kept anywhere would show.
    expect(Math.max(...peaks)).toBeLessThan(700);
  }, 120_000);

  it('end clearly, and soon, when the process of one of them is killed', async () => {
    const result = await runGuests({
      image: await build('test/guests/behaviour/talk-forever.c'),
      ...{ size: 2, hosts: 2, processes: 2, limitMs: 60_000, env: { VERBENA_KILLED_BY: 'the story' } },
      onRunning: ([, second]) => {
        if (second !== undefined) setTimeout(() => process.kill(second, 'SIGKILL'), 300);
      },
    });
    const [survivor, lost] = result.exits;
    expect(lost?.detail).toContain('is gone');
    expect(survivor?.exitCode).not.toBe(0);
    expect(survivor?.detail).not.toContain('limit');
  }, 120_000);
});
