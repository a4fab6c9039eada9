import { appendFile, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OutputLog } from './output-log.ts';
import { decodeHeader, encodeRecord, headerBytes, isIntact, type OutputRecord } from './record.ts';

let directory: string;
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'verbena-output-'))));
afterEach(() => rm(directory, { recursive: true, force: true }));

const path = (): string => join(directory, 'output.log');
const openLog = (maximumBytes = 1e9) => OutputLog.open({ jobId: 'job-1', path: path(), maximumBytes });
const piece = (rank: number, offset: number, text: string, stream = 1, attempt = 1): OutputRecord => ({
  rank,
  stream,
  attempt,
  offset: BigInt(offset),
  data: new TextEncoder().encode(text),
});
const forever = new AbortController().signal;

async function textOf(log: OutputLog, options: { rank?: number; follow?: boolean } = {}): Promise<string> {
  let text = '';
  for await (const { records } of log.read({ follow: false, signal: forever, ...options })) {
    for (const { rank, stream, data } of records) text += `${rank}${stream === 2 ? '!' : ''}:${Buffer.from(data).toString()} `;
  }
  return text.trim();
}

describe('an output log', () => {
  it('gives pieces in the order in which they came, of all ranks or of one, also when it is opened again', async () => {
    const log = await openLog();
    expect(await textOf(log)).toBe('');
    await log.append([piece(0, 0, 'a'), piece(1, 0, 'b'), piece(0, 0, 'oops', 2)]);
    await log.append([piece(0, 1, 'c')]);
    for (const one of [log, await openLog()]) {
      expect(await textOf(one)).toBe('0:a 1:b 0!:oops 0:c');
      expect(await textOf(one, { rank: 0 })).toBe('0:a 0!:oops 0:c');
      expect(await textOf(one, { rank: 7 })).toBe('');
    }
  });

  it('goes on for a reader that was cut off, where its last batch ended, and nowhere else', async () => {
    const log = await openLog();
    const rest = async (after: number): Promise<string[]> => {
      const texts: string[] = [];
      for await (const { records } of log.read({ follow: false, signal: forever, after }))
        texts.push(...records.map(({ data }) => Buffer.from(data).toString()));
      return texts;
    };
    await log.append([piece(0, 0, 'a')]);
    const { value: first } = await log.read({ follow: false, signal: forever }).next();
    await log.append([piece(0, 1, 'b'), piece(0, 2, 'c')]);
    expect(await rest((first as { next: number }).next)).toEqual(['b', 'c']);
    expect(await rest(0)).toEqual(['a', 'b', 'c']);
    expect(await rest(log.length)).toEqual([]);
    for (const nowhere of [1, log.length - 1, log.length + 1]) await expect(rest(nowhere)).rejects.toMatchObject({ problem: 'invalid' });
  });

  it('takes each byte once, and leaves no gap', async () => {
    const log = await openLog();
    await log.append([piece(0, 0, 'hello')]);
    await log.append([piece(0, 0, 'hello'), piece(0, 3, 'lo wor'), piece(0, 9, 'ld')]);
    expect(await textOf(log)).toBe('0:hello 0: wor 0:ld');
    await expect(log.append([piece(1, 0, 'kept out'), piece(0, 12, '!')])).rejects.toMatchObject({ problem: 'gap' });
    expect(await textOf(log, { rank: 1 })).toBe('');
  });

  it('wakes followers, and ends them when it is sealed', async () => {
    const log = await openLog();
    const following = [textOf(log, { follow: true }), textOf(log, { follow: true, rank: 1 })];
    await log.append([piece(0, 0, 'a')]);
    await new Promise(setImmediate);
    await log.append([piece(1, 0, 'b')]);
    await log.seal();
    await log.seal();
    expect(await Promise.all(following)).toEqual(['0:a 1:b', '1:b']);
    await log.append([piece(0, 0, 'a')]);
    await expect(log.append([piece(0, 1, 'late')])).rejects.toMatchObject({ problem: 'sealed' });
    const again = await openLog();
    expect(again.sealed).toBe(true);
    expect(await textOf(again, { follow: true })).toBe('0:a 1:b');
  });

  it('lets a follower go who has heard enough', async () => {
    const log = await openLog();
    await log.append([piece(0, 0, 'a')]);
    const stop = new AbortController();
    for await (const _ of log.read({ follow: true, signal: stop.signal })) stop.abort();
  });

  it('stops at its bound', async () => {
    const log = await openLog(100);
    await log.append([piece(0, 0, 'x'.repeat(60))]);
    await expect(log.append([piece(0, 60, 'x'.repeat(60))])).rejects.toMatchObject({ problem: 'too-much' });
    expect((await stat(path())).size).toBe(headerBytes + 60);
  });

  it('carries large pieces', async () => {
    const log = await openLog();
    const data = new Uint8Array(1 << 20).fill(120);
    await log.append([{ rank: 0, stream: 1, attempt: 1, offset: 0n, data }, piece(0, 1 << 20, 'end')]);
    expect((await textOf(await openLog())).length).toBe('0: 0:'.length + (1 << 20) + 3);
    await expect(log.append([{ ...piece(1, 0, ''), data: new Uint8Array((1 << 20) + 1) }])).rejects.toMatchObject({ problem: 'invalid' });
  });

  it('says so when a log was changed under it', async () => {
    const log = await openLog();
    await log.append([piece(0, 0, 'abc')]);
    await writeFile(path(), 'x'.repeat(log.length));
    await expect(textOf(log)).rejects.toMatchObject({ problem: 'corrupt' });
  });
});

describe('an output log after a crash', () => {
  it('has everything before the torn record, whatever of that is left, and goes on from there', async () => {
    const log = await openLog();
    await log.append([piece(0, 0, 'kept')]);
    const whole = log.length;
    await log.append([piece(0, 4, 'torn')]);
    const bytes = await readFile(path());
    for (let length = whole; length < bytes.length; length++) {
      await writeFile(path(), bytes.subarray(0, length));
      const again = await openLog();
      expect(again.length).toBe(whole);
      await again.append([piece(0, 4, '!')]);
      expect(await textOf(again)).toBe('0:kept 0:!');
    }
  });

  it('drops a last record whose bytes never reached the disk, and a seal too', async () => {
    const log = await openLog();
    await log.append([piece(0, 0, 'kept'), piece(0, 4, 'zeros')]);
    const file = await open(path(), 'r+');
    await file.write(new Uint8Array(5), 0, 5, log.length - 5);
    await file.close();
    const again = await openLog();
    await again.append([piece(0, 4, '!')]);
    expect(await textOf(again)).toBe('0:kept 0:!');
    await again.seal();
    await truncate(path(), again.length - 1);
    const unsealed = await openLog();
    expect(unsealed.sealed).toBe(false);
    await unsealed.append([piece(0, 5, '?')]);
    await appendFile(path(), 'garbage after the last record, longer than a header');
    expect(await textOf(await openLog())).toBe('0:kept 0:! 0:?');
  });
});

describe('the record format', () => {
  it('brings back any record, and notices any flipped bit', () => {
    const record = fc.record({
      rank: fc.nat(65_535),
      stream: fc.constantFrom(1, 2),
      attempt: fc.integer({ min: 1, max: 0xffff_ffff }),
      offset: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      data: fc.uint8Array({ minLength: 1, maxLength: 100 }),
    });
    fc.assert(
      fc.property(record, fc.nat(), fc.nat(7), (one, where, bit) => {
        const bytes = encodeRecord(one);
        const { data, ...rest } = one;
        expect(decodeHeader(bytes)).toMatchObject({ ...rest, length: data.length });
        expect(isIntact(bytes)).toBe(true);
        const index = where % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
        expect(isIntact(bytes)).toBe(false);
      }),
    );
  });
});

describe('the output of a job that runs again', () => {
  it('begins anew: readers begin with the last attempt, and one that followed goes on into it', async () => {
    const log = await openLog();
    await log.append([piece(0, 0, 'old'), piece(1, 0, 'old too')]);
    const followed: string[] = [];
    const following = (async () => {
      for await (const { records } of log.read({ follow: true, signal: forever }))
        for (const { attempt, data } of records) followed.push(`${attempt}:${Buffer.from(data).toString()}`);
    })();
    await log.append([piece(0, 0, 'new', 1, 2)], 2);
    await log.seal();
    await following;
    expect(followed).toEqual(['1:old', '1:old too', '2:new']);
    for (const one of [log, await openLog()]) {
      expect(await textOf(one)).toBe('0:new');
      expect([one.attempt, one.sealed]).toEqual([2, true]);
    }
  });

  it('takes nothing of an earlier attempt any more, also when the later one has written nothing', async () => {
    const log = await openLog();
    await log.append([piece(0, 0, 'old')]);
    await log.append([], 2);
    for (const one of [log, await openLog()]) {
      expect(await textOf(one)).toBe('');
      await expect(one.append([piece(0, 3, 'late')])).rejects.toMatchObject({ problem: 'superseded' });
    }
    await log.append([piece(0, 0, 'new', 1, 2)], 2);
    await log.append([piece(0, 0, 'new', 1, 2)], 2);
    expect(await textOf(log)).toBe('0:new');
  });

  it('is that of the attempt before when the mark of the next was torn', async () => {
    const log = await openLog();
    await log.append([piece(0, 0, 'old')]);
    const length = log.length;
    await log.append([], 2);
    const bytes = await readFile(path());
    bytes[length + 28] = 7;
    await writeFile(path(), bytes);
    const again = await openLog();
    expect([again.attempt, again.length, await textOf(again)]).toEqual([1, length, '0:old']);
  });
});
