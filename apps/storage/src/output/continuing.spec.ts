/** What a job wrote before its checkpoint is the beginning of what it writes when it goes on from there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { continueOutput } from './continuing.ts';
import { OutputLogs } from './output-logs.ts';
import type { OutputRecord } from './record.ts';

let directory: string;
let logs: OutputLogs;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'continuing-'));
  logs = new OutputLogs({ directory, maximumBytes: 1 << 20 });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const piece = (rank: number, attempt: number, offset: number, text: string): OutputRecord => ({
  ...{ rank, stream: 1, attempt, offset: BigInt(offset) },
  data: Buffer.from(text),
});
const append = (job: string, attempt: number, ...pieces: readonly OutputRecord[]): Promise<void> =>
  logs.with(job, (log) => log.append(pieces, attempt));

async function read(job: string): Promise<string> {
  const all: string[] = [];
  const options = { follow: false, signal: new AbortController().signal };
  for await (const { records } of logs.stream(job, (log) => log.read(options)))
    for (const { rank, data, copied } of records) all.push(`${rank}${copied === true ? '+' : ':'}${Buffer.from(data).toString()}`);
  return all.join(' ');
}

const positions = [
  { rank: 0, stdout: 5n, stderr: 0n },
  { rank: 1, stdout: 2n, stderr: 0n },
];

describe('an attempt that goes on from a checkpoint', () => {
  it('begins with what was written up to it, and not with what came after', async () => {
    await append('job-a', 1, piece(0, 1, 0, 'one'), piece(1, 1, 0, 'xy'), piece(0, 1, 3, 'two'), piece(1, 1, 2, 'z'));
    await continueOutput(logs, { jobId: 'job-a', attempt: 2, fromJobId: 'job-a', fromAttempt: 1, positions });
    expect(await read('job-a')).toBe('0+one 1+xy 0+tw');
    await append('job-a', 2, piece(0, 2, 5, 'o!'));
    expect(await read('job-a')).toBe('0+one 1+xy 0+tw 0:o!');
  });

  it('may be told twice, by each node for its ranks, and from an attempt that was gone on with itself', async () => {
    await append('job-a', 1, piece(0, 1, 0, 'onetwo'), piece(1, 1, 0, 'xyz'));
    const second = { jobId: 'job-a', attempt: 2, fromJobId: 'job-a', fromAttempt: 1 };
    await continueOutput(logs, { ...second, positions: positions.slice(0, 1) });
    await append('job-a', 2, piece(0, 2, 5, '!'));
    await continueOutput(logs, { ...second, positions: positions.slice(1) });
    await continueOutput(logs, { ...second, positions });
    expect(await read('job-a')).toBe('0+onetw 0:! 1+xy');
    const third = { jobId: 'job-a', attempt: 3, fromJobId: 'job-a', fromAttempt: 2 };
    await continueOutput(logs, { ...third, positions: [{ rank: 0, stdout: 6n, stderr: 0n }] });
    expect(await read('job-a')).toBe('0+onetw 0+!');
  });

  it('of another job takes it from there', async () => {
    await append('job-a', 1, piece(0, 1, 0, 'onetwo'), piece(1, 1, 0, 'xyz'));
    await logs.with('job-a', (log) => log.seal());
    await continueOutput(logs, { jobId: 'job-b', attempt: 1, fromJobId: 'job-a', fromAttempt: 1, positions });
    expect(await read('job-b')).toBe('0+onetw 1+xy');
    expect(await read('job-a')).toBe('0:onetwo 1:xyz');
  });

  it('reads the same after a start of storage', async () => {
    await append('job-a', 1, piece(0, 1, 0, 'onetwo'), piece(1, 1, 0, 'xyz'));
    await continueOutput(logs, { jobId: 'job-a', attempt: 2, fromJobId: 'job-a', fromAttempt: 1, positions });
    logs = new OutputLogs({ directory, maximumBytes: 1 << 20 });
    await append('job-a', 2, piece(0, 2, 5, '!'));
    expect(await read('job-a')).toBe('0+onetw 1+xy 0:!');
    await expect(append('job-a', 1, piece(0, 1, 6, 'late'))).rejects.toThrow(/attempt 2: output of attempt 1 is late/);
  });

  it('whose beginning is not there is refused', async () => {
    await append('job-a', 1, piece(0, 1, 0, 'one'));
    await expect(continueOutput(logs, { jobId: 'job-a', attempt: 2, fromJobId: 'job-a', fromAttempt: 1, positions })).rejects.toThrow(
      /job-a has not written 5 bytes as rank 0/,
    );
  });
});
