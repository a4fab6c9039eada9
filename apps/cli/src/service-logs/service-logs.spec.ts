import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogFile } from '@verbena/service-kit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { passes, recordOf, type RecordFilter, type ServiceRecord } from './records.ts';
import { ServiceLogs } from './service-logs.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const everything: RecordFilter = { leastLevel: 0, since: 0 };
let dataDir: string;
let opened: ServiceLogs[];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'verbena-service-logs-'));
  await mkdir(join(dataDir, 'logs'));
  opened = [];
});
afterEach(async () => {
  for (const logs of opened) await logs.close();
  await rm(dataDir, { recursive: true, force: true });
});

const line = (time: number, msg: string, more: object = {}): string =>
  `${JSON.stringify({ level: 30, time, name: 'any', ...more, msg })}\n`;
const log = (name: string): string => join(dataDir, 'logs', `${name}.log`);
const said = ({ json }: ServiceRecord): string => (JSON.parse(json) as { msg: string }).msg;

function logsOf(filter: Partial<RecordFilter> = {}): ServiceLogs {
  const logs = new ServiceLogs(dataDir, { ...everything, ...filter });
  opened.push(logs);
  return logs;
}

async function read(logs: ServiceLogs): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const record of logs.read()) found.push(`${record.process}: ${said(record)}`);
  return found;
}

describe('the logs of services', () => {
  it('come in the order of time, whichever process has written them', async () => {
    await writeFile(log('scheduler'), line(10, 'a') + line(40, 'd'));
    await writeFile(log('node-0'), line(20, 'b', { service: 'node-agent' }) + line(30, 'c', { service: 'node-agent' }));
    await writeFile(join(dataDir, 'verbena.log'), line(25, 'started again'));
    expect(await read(logsOf())).toEqual(['scheduler: a', 'node-0: b', 'verbena: started again', 'node-0: c', 'scheduler: d']);
  });

  it('are found by process, by service, by level, by trace and by time', async () => {
    await writeFile(log('scheduler'), line(10, 'a') + line(20, 'b', { trace_id: trace }));
    await writeFile(log('node-0'), line(30, 'c', { service: 'node-agent', level: 40 }));
    await writeFile(log('node-1'), line(40, 'd', { service: 'node-agent', trace_id: trace }));
    expect(await read(logsOf({ service: 'node-1' }))).toEqual(['node-1: d']);
    expect(await read(logsOf({ service: 'node-agent' }))).toEqual(['node-0: c', 'node-1: d']);
    expect(await read(logsOf({ leastLevel: 40 }))).toEqual(['node-0: c']);
    expect(await read(logsOf({ traceId: trace }))).toEqual(['scheduler: b', 'node-1: d']);
    expect(await read(logsOf({ since: 20, service: 'scheduler' }))).toEqual(['scheduler: b']);
  });

  it('of a cluster in one process are told apart by what each record says', async () => {
    const records = [
      line(1, 'placed', { service: 'scheduler' }),
      line(2, 'boots', { service: 'node-agent', instance: 'node-3' }),
      line(3, 'up'),
    ];
    await writeFile(join(dataDir, 'verbena.log'), records.join(''));
    expect(await read(logsOf())).toEqual(['scheduler: placed', 'node-3: boots', 'verbena: up']);
    expect(await read(logsOf({ service: 'node-agent' }))).toEqual(['node-3: boots']);
  });

  it('are followed: each line once, when its end is there, over files that turn and files that are new', async () => {
    const scheduler = new LogFile(log('scheduler'), { maxBytes: 100 });
    const logs = logsOf();
    scheduler.write(line(1, 'a'));
    expect(await read(logs)).toEqual(['scheduler: a']);
    // More than one turn between two looks.
    for (const [index, msg] of ['b', 'c', 'd', 'e', 'f'].entries()) scheduler.write(line(2 + index, msg));
    expect(await read(logs)).toEqual(['scheduler: b', 'scheduler: c', 'scheduler: d', 'scheduler: e', 'scheduler: f']);
    const [begin, end] = [line(8, 'g').slice(0, 20), line(8, 'g').slice(20)];
    scheduler.write(begin);
    expect(await read(logs)).toEqual([]);
    await writeFile(log('storage'), line(7, 'new'));
    scheduler.write(end);
    expect(await read(logs)).toEqual(['storage: new', 'scheduler: g']);
    await appendFile(log('storage'), line(9, 'more'));
    expect(await read(logs)).toEqual(['storage: more']);
    scheduler.close();
  });

  it('are none where there are none', async () => {
    const logs = logsOf();
    expect(await read(logs)).toEqual([]);
    expect([...logs.names]).toEqual([]);
  });
});

describe('a line of a log', () => {
  it('of nats-server has its own time and level', () => {
    const record = recordOf('[27940] 2026/11/21 18:41:00.273277 [ERR] no route', 'nats', undefined);
    expect([record.level, said(record)]).toEqual([50, 'no route']);
    expect(record.time).toBe(new Date('2026-11-21T18:41:00.273').getTime());
  });

  it('of a crash is an error, of the time of the record before it', () => {
    const before = recordOf(line(77, 'serves').trim(), 'storage', undefined);
    for (const text of ['    at Object.<anonymous> (storage.js:1:2)', '{"level":30,"time":', '{"level":"x"'])
      expect(recordOf(text, 'storage', before)).toMatchObject({ time: 77, level: 50, process: 'storage' });
  });

  it('that claims to be anything is taken for no more than it can be', () => {
    const record = recordOf('{"time":1e99,"level":{},"service":7,"trace_id":[]}', 'node-0', undefined);
    expect(record).toMatchObject({ time: 0, level: 30, service: 'node-0', traceId: '' });
    expect(passes(record, { ...everything, service: 'node-0' })).toBe(true);
  });
});
