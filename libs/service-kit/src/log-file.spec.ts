import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogFile, logFilePaths } from './log-file.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'verbena-log-file-'));
  path = join(directory, 'service.log');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const text = async (): Promise<readonly string[]> =>
  Promise.all(logFilePaths(path, 2).map((each) => readFile(each, 'utf8').catch(() => '')));

describe('a log file', () => {
  it('turns when it is full, keeps so many older ones, and removes the oldest', async () => {
    const log = new LogFile(path, { maxBytes: 8, kept: 2 });
    for (let line = 0; line < 9; line++) log.write(`line ${String(line)}\n`);
    log.close();
    expect(await text()).toEqual(['line 8\n', 'line 6\nline 7\n', 'line 4\nline 5\n']);
    expect(await readdir(directory)).toHaveLength(3);
  });

  it('goes on with what an earlier life has written, and counts it', async () => {
    for (let life = 0; life < 3; life++) {
      const log = new LogFile(path, { maxBytes: 8, kept: 2 });
      log.write(`life ${String(life)}\n`);
      log.close();
    }
    expect(await text()).toEqual(['life 2\n', 'life 0\nlife 1\n', '']);
  });

  it('is for its owner only', async () => {
    new LogFile(path).write('x');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('loses what cannot be written, without an error, and goes on as soon as it can', async () => {
    const log = new LogFile(join(directory, 'later', 'service.log'));
    log.write('lost\n');
    await mkdir(join(directory, 'later'));
    log.write('kept\n');
    log.close();
    expect(await readFile(join(directory, 'later', 'service.log'), 'utf8')).toBe('kept\n');
  });
});
