import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { EventStoreError } from '@verbena/event-sourcing';
import { createInProcessBus } from '@verbena/messaging';
import { echoService } from '@verbena/messaging/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { translateStoreErrors } from '../edge.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { serviceConfiguration } from './environment.ts';
import { serviceExitCodes } from './exit-codes.ts';
import { serveHealth } from './health-server.ts';
import { Readiness } from './readiness.ts';
import { runService, type ServiceProcess } from './run-service.ts';
import { byteSize, databaseVariables, listenAddress, serviceVariables, wholeNumber } from './variables.ts';
import { waitFor } from './wait-for.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'verbena-process-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const enough = { VERBENA_NATS_URL: 'nats://127.0.0.1:4222', VERBENA_DATA_DIR: '/var/lib/verbena' };

describe('the configuration of a service process', () => {
  it('takes secrets from files, without the line end', async () => {
    const file = join(dir, 'password');
    await writeFile(file, 's3cret\n');
    const config = serviceConfiguration(serviceVariables, { ...enough, VERBENA_NATS_PASSWORD_FILE: file });
    expect(config.VERBENA_NATS_PASSWORD).toBe('s3cret');
  });

  it('names every variable that is wrong, at once, and shows no value', async () => {
    const all = serviceVariables.extend(databaseVariables.shape).extend({ CORES: wholeNumber(1, 8), MEMORY: byteSize });
    const wrong = {
      VERBENA_NATS_URL: 'http://secret',
      DATABASE_URL: 'mysql://secret',
      CORES: '9',
      MEMORY: 'lots',
      VERBENA_HEALTH_LISTEN: 'x:y',
    };
    const error = await Promise.resolve()
      .then(() => serviceConfiguration(all, wrong))
      .catch(String);
    const problems = String(error);
    for (const name of [...Object.keys(wrong), 'VERBENA_DATA_DIR: is not set']) expect(problems).toContain(name);
    expect(problems).not.toMatch(/secret|lots/);
  });

  it('refuses a file that is not there, is empty, or stands beside the variable itself', async () => {
    const empty = join(dir, 'empty');
    await writeFile(empty, '\n');
    const read = (more: NodeJS.ProcessEnv) => () => serviceConfiguration(serviceVariables, { ...enough, ...more });
    expect(read({ VERBENA_NATS_PASSWORD_FILE: join(dir, 'none') })).toThrow(/VERBENA_NATS_PASSWORD_FILE: .*ENOENT/);
    expect(read({ VERBENA_NATS_PASSWORD_FILE: empty })).toThrow(/is empty/);
    expect(read({ VERBENA_NATS_PASSWORD_FILE: empty, VERBENA_NATS_PASSWORD: 'x' })).toThrow(/only one of them/);
  });

  it('reads addresses and sizes as people write them', () => {
    expect(listenAddress.parse('[::]:80')).toEqual({ host: '::', port: 80 });
    expect(listenAddress.parse(':0')).toEqual({ port: 0 });
    expect(listenAddress.safeParse('127.0.0.1:70000').success).toBe(false);
    expect(['512M', '1.5GiB', '1024', '2 kb'].map((text) => byteSize.parse(text))).toEqual([536_870_912, 1_610_612_736, 1024, 2048]);
  });
});

describe('waiting for what a service needs', () => {
  it('goes on until it is there, is a reason for not being ready meanwhile, and ends with the process', async () => {
    const clock = manualClock();
    const readiness = new Readiness();
    readiness.phase(undefined);
    const stop = new AbortController();
    const said: string[] = [];
    const tell = (_fields: unknown, text: string): void => void said.push(text);
    let up = false;
    const attempt = (): Promise<string> => (up ? Promise.resolve('there') : Promise.reject(new Error('connection refused')));
    const options = { log: { info: tell, warn: tell } as never, clock, readiness, signal: stop.signal };
    const waiting = waitFor('Postgres', attempt, options);
    await clock.untilSleeping();
    expect(await readiness.reasons()).toEqual(['waits for Postgres: connection refused']);
    up = true;
    await clock.advance(100);
    expect(await waiting).toBe('there');
    expect(await readiness.reasons()).toEqual([]);
    expect(said).toEqual(['waiting for Postgres: connection refused', 'Postgres is there']);

    up = false;
    const given = waitFor('NATS', attempt, options);
    await clock.untilSleeping();
    stop.abort(new Error('told to stop'));
    await expect(given).rejects.toThrow('told to stop');
  });
});

describe('the health endpoint', () => {
  it('tells alive from ready, gives the reasons, and refuses what it does not know', async () => {
    const readiness = new Readiness();
    readiness.when('Postgres', () => Promise.reject(new Error('it is away')));
    const metrics = () => Promise.resolve({ contentType: 'text/plain', body: 'up 1\n' });
    const health = await serveHealth({ service: 'scheduler', listen: { port: 0 }, readiness, metrics });
    const get = async (path: string, method = 'GET') => {
      const response = await fetch(health.url + path, { method });
      return [response.status, await response.text()] as const;
    };
    try {
      expect((await get('/healthz'))[0]).toBe(200);
      const [status, body] = await get('/readyz');
      expect([status, JSON.parse(body)]).toEqual([
        503,
        { service: 'scheduler', ready: false, reasons: ['starting', 'Postgres: it is away'] },
      ]);
      readiness.phase(undefined);
      readiness.when('Postgres', () => undefined);
      expect((await get('/readyz'))[0]).toBe(200);
      expect(await get('/metrics')).toEqual([200, 'up 1\n']);
      expect((await get('/secrets'))[0]).toBe(404);
      expect((await get('/readyz', 'POST'))[0]).toBe(405);
    } finally {
      await health.stop();
    }
  });
});

describe('a service process', () => {
  const variables = z.object({ EXTRA: z.string().default('none') });
  const environment = (): NodeJS.ProcessEnv => ({ ...enough, VERBENA_DATA_DIR: join(dir, 'data'), VERBENA_LOG_LEVEL: 'silent' });
  const connect = () => Promise.resolve(createInProcessBus());

  /** Runs a service that serves until it gets SIGTERM; gives the order of its life. */
  async function life(start: (context: ServiceProcess, told: string[]) => Promise<void> = () => Promise.resolve()): Promise<string[]> {
    const told: string[] = [];
    const code = await runService(
      {
        name: 'story',
        variables,
        start: async (context) => {
          context.onStop('what it holds', () => void told.push('freed'));
          await start(context, told);
          setTimeout(() => process.emit('SIGTERM'), 0);
          return {
            name: 'story',
            notReady: () => Promise.resolve(undefined),
            stop: () => Promise.resolve(void told.push('drained')),
          };
        },
      },
      { environment: environment(), connect },
    );
    return [...told, String(code)];
  }

  it('drains first and frees what it holds then, when it is told to stop', async () => {
    expect(await life()).toEqual(['drained', 'freed', '0']);
  });

  it('ends at once while it still waits for something', async () => {
    const told = await life((context) => {
      setTimeout(() => process.emit('SIGTERM'), 0);
      return context.waitFor('a thing that never comes', () => Promise.reject(new Error('not yet')));
    });
    expect(told).toEqual(['freed', '0']);
  });

  it('says with its exit code that it could not start, or is configured wrongly', async () => {
    const failing = await life(() => Promise.reject(new Error('the disk is full')));
    expect(failing).toEqual(['freed', String(serviceExitCodes.failed)]);
    const program = { name: 'story', variables, start: () => Promise.reject(new Error('not reached')) };
    expect(await runService(program, { environment: { VERBENA_NATS_URL: 'nats://x' }, connect })).toBe(serviceExitCodes.config);
  });

  it('counts as failed when something does not end in time', async () => {
    const told = await life((context) => {
      context.onStop('a thing that fails', () => Promise.reject(new Error('it hangs')));
      return Promise.resolve();
    });
    expect(told.at(-1)).toBe(String(serviceExitCodes.failed));
  });
});

describe('a failure of the event log', () => {
  it('is told to the caller as what it is, in calls and in streams; other errors stay hidden', async () => {
    const bus = createInProcessBus({ translate: translateStoreErrors });
    const away = new EventStoreError('unavailable', 'the event log at db:5432/verbena cannot be reached');
    await bus.serve(echoService, {
      one: () => Promise.reject(away),
      many: async function* () {
        await Promise.resolve();
        throw new EventStoreError('no-space', 'the disk is full');
      },
    } as never);
    const client = bus.client(echoService);
    const failure = async (call: Promise<unknown>) => ConnectError.from(await call.catch((error: unknown) => error));
    const one = await failure(client.one({}));
    expect([one.code, one.rawMessage]).toEqual([Code.Unavailable, away.message]);
    const many = await failure(client.many({})[Symbol.asyncIterator]().next());
    expect([many.code, many.rawMessage]).toEqual([Code.ResourceExhausted, 'the disk is full']);
    expect(translateStoreErrors(new TypeError('a defect'))).toBeInstanceOf(TypeError);
    await bus.close();
  });
});
