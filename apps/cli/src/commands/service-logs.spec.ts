import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { main } from '../main.ts';
import { memoryIo } from '../terminal/io.fixture.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'verbena-service-logs-'));
  const records = [
    { level: 30, time: Date.UTC(2026, 10, 21, 8), name: 'verbena', service: 'scheduler', trace_id: trace, msg: 'placed', job: 'job-1' },
    { level: 40, time: Date.UTC(2026, 10, 21, 9), name: 'verbena', service: 'storage', msg: 'slow \u001b[31m' },
  ];
  await writeFile(join(dataDir, 'verbena.log'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

async function verbena(...args: string[]): Promise<readonly [code: number, out: string, err: string]> {
  const io = memoryIo({ env: { VERBENA_DATA_DIR: dataDir } });
  const code = await main(['logs', ...args], io);
  return [code, io.stdoutText(), io.stderrText()];
}

describe('verbena logs --service', () => {
  it('prints records with date, level, service, fields and trace, and no control character', async () => {
    const [code, out] = await verbena('--service', 'all');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      `2026-11-21T08:00:00.000Z info  scheduler: placed service=scheduler job=job-1 trace_id=${trace}`,
      '2026-11-21T09:00:00.000Z warn  storage: slow \\x1b[31m service=storage',
      '',
    ]);
  });

  it('filters, and says when there is nothing', async () => {
    expect((await verbena('--service', 'all', '--level', 'warn'))[1]).toContain('slow');
    expect((await verbena('--service', 'all', '--level', 'warn'))[1]).not.toContain('placed');
    expect((await verbena('--service', 'all', '--trace', trace))[1]).toMatch(/placed.*\n$/);
    expect((await verbena('--service', 'all', '--since', '2026-11-21T08:30:00Z'))[1]).not.toContain('placed');
    expect((await verbena('--service', 'all', '--limit', '1'))[1]).toMatch(/^2026-11-21T09.*\n$/);
    expect((await verbena('--service', 'all', '--limit', '0'))[1].split('\n')).toHaveLength(3);
    expect(await verbena('--service', 'image-manager')).toEqual([0, '', 'No such records.\n']);
  });

  it('prints records as JSON, one a line', async () => {
    const [, out] = await verbena('--json', '--service', 'scheduler');
    expect(JSON.parse(out)).toMatchObject({ service: 'scheduler', trace_id: trace, msg: 'placed', job: 'job-1' });
  });

  it.each([
    [['--service', 'nobody'], 4, 'there are scheduler, storage'],
    [['--service', 'all', '--level', 'loud'], 2, '--level wants one of trace, debug, info, warn, error, fatal'],
    [['--service', 'all', '--trace', 'xyz'], 2, '--trace wants 32 hexadecimal digits'],
    [['--service', 'all', '--since', 'yesterday'], 2, 'yesterday'],
    [['--service', 'all', '--rank', '1'], 2, '--rank goes with a job'],
    [['job-1', '--service', 'all'], 2, 'a job or --service, not both'],
    [['job-1', '--level', 'warn'], 2, '--level goes with --service'],
    [[], 2, 'a job, or --service'],
    [['--service', 'all', '--endpoint', 'http://far.example:7070'], 2, 'files of the machine that they run on'],
    [['--service', 'all', '--data-dir', '/nonexistent'], 4, 'there are no logs in /nonexistent'],
  ])('says what is wrong with %j', async (args, code, words) => {
    const [got, out, err] = await verbena(...args);
    expect([got, out]).toEqual([code, '']);
    expect(err).toContain(words);
  });
});
