import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SupervisedProcess } from './supervised.ts';

let dir: string;
let running: SupervisedProcess[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'verbena-supervised-'));
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((process) => process.stop(0)));
  await rm(dir, { recursive: true, force: true });
});

/** A process that runs a line of JavaScript. */
function supervise(script: string): SupervisedProcess {
  const made = new SupervisedProcess(
    {
      name: 'story',
      command: process.execPath,
      args: ['-e', script],
      environment: () => ({ PATH: process.env['PATH'] }),
      logFile: join(dir, 'log'),
    },
    pino({ level: 'silent' }),
  );
  running.push(made);
  return made;
}

const serves = `process.send({ type: 'serving', service: 'story', facts: { pid: String(process.pid) } });`;
const stays = `process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000); ${serves}`;

describe('a supervised process', () => {
  it('says what it is when it serves, and is there again after kill -9', async () => {
    const story = supervise(stays);
    story.start();
    const first = await story.serving();
    expect(first).toEqual({ pid: String(story.pid) });
    await story.kill();
    const second = await story.serving();
    expect(second['pid']).not.toBe(first['pid']);
    expect(story.starts).toBe(2);
  });

  it('is waited for over its deaths, by whoever asked before it served', async () => {
    const file = join(dir, 'been-there');
    const script = `const fs = require('fs'); if (!fs.existsSync('${file}')) { fs.writeFileSync('${file}', ''); process.exit(1); } ${stays}`;
    const story = supervise(script);
    story.start();
    await story.serving();
    expect(story.starts).toBe(2);
  });

  it('ends in order when it may, is killed when it does not, and stays away until it is started', async () => {
    const orderly = supervise(stays);
    orderly.start();
    await orderly.serving();
    expect(await orderly.stop(10_000)).toBe(true);
    expect(orderly.pid).toBeUndefined();
    orderly.start();
    await orderly.serving();

    const stubborn = supervise(`process.on('SIGTERM', () => {}); ${serves} setInterval(() => {}, 1000);`);
    stubborn.start();
    await stubborn.serving();
    expect(await stubborn.stop(50)).toBe(false);
    expect(stubborn.starts).toBe(1);
  });

  it('writes what it prints to its log, over all its lives', async () => {
    const story = supervise(`console.log('a life'); ${stays}`);
    story.start();
    await story.serving();
    await story.kill();
    await story.serving();
    await expect.poll(() => readFile(join(dir, 'log'), 'utf8')).toBe('a life\na life\n');
  });
});
