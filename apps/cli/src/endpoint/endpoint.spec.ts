import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataDirectory } from './data-directory.ts';
import { isAlive, readEndpoint, removeEndpoint, startTimeOf, writeEndpoint, type Endpoint } from './endpoint-file.ts';
import { connectToCluster } from './session.ts';
import { endpointUrl, findCluster } from './target.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'verbena-endpoint-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function mine(): Promise<Endpoint> {
  const started = await startTimeOf(process.pid);
  return {
    url: 'http://127.0.0.1:7070',
    pid: process.pid,
    ...(started ? { started } : {}),
    version: '0.1.0',
    startedAt: '2026-11-21T08:00:00Z',
  };
}

/** The id of a process that has ended. */
async function endedPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.once('exit', resolve));
  return child.pid ?? -1;
}

describe('the endpoint file', () => {
  it('says where the cluster is, and leaves nothing else behind', async () => {
    await writeEndpoint(dir, await mine());
    expect(await readdir(dir)).toEqual(['endpoint.json']);
    expect(await readEndpoint(dir)).toEqual(await mine());
    expect(await findCluster({ dataDir: dir, dataDirNamed: true })).toEqual({ url: 'http://127.0.0.1:7070' });
  });

  it('is removed by its owner alone', async () => {
    await writeEndpoint(dir, await mine());
    await removeEndpoint(dir, process.pid + 1);
    expect(await readEndpoint(dir)).toBeDefined();
    await removeEndpoint(dir, process.pid);
    expect(await readEndpoint(dir)).toBeUndefined();
  });

  it('of a cluster that was killed is known to be stale', async () => {
    await writeEndpoint(dir, { ...(await mine()), pid: await endedPid() });
    expect(await findCluster({ dataDir: dir, dataDirNamed: true })).toBeUndefined();
    await expect(connectToCluster({ dataDir: dir, dataDirNamed: true })).rejects.toThrow(/ended without being stopped.*verbena up -d/);
  });

  it('is stale when its process id went to another process', async () => {
    const endpoint = await mine();
    if (endpoint.started === undefined) return;
    expect(await isAlive(endpoint)).toBe(true);
    expect(await isAlive({ ...endpoint, started: `${endpoint.started}1` })).toBe(false);
  });

  it('that makes no sense is as good as none', async () => {
    for (const text of ['', '{"url":', '[]', '{"url":1}']) {
      await writeFile(join(dir, 'endpoint.json'), text);
      expect(await readEndpoint(dir)).toBeUndefined();
    }
    await expect(connectToCluster({ dataDir: dir, dataDirNamed: true })).rejects.toMatchObject({ exitCode: 3 });
  });
});

describe('where the cluster is', () => {
  it('may be named by a host and port, with or without a scheme', () => {
    expect(endpointUrl('localhost:7070')).toBe('http://localhost:7070');
    expect(endpointUrl('https://cluster.example/')).toBe('https://cluster.example');
    for (const text of ['', 'http://', 'ftp://x', 'a b']) expect(() => endpointUrl(text)).toThrow(/is not an endpoint; one looks like/);
  });

  it('is looked up under the data directory: option, variable, XDG, home, in this order', () => {
    const env = { VERBENA_DATA_DIR: 'var', XDG_DATA_HOME: '/xdg', HOME: '/home-of-alice' };
    expect(dataDirectory('option', env, '/cwd')).toBe('/cwd/option');
    expect(dataDirectory(undefined, env, '/cwd')).toBe('/cwd/var');
    expect(dataDirectory(undefined, { ...env, VERBENA_DATA_DIR: '' }, '/cwd')).toBe('/xdg/verbena');
    expect(dataDirectory(undefined, { HOME: '/home-of-alice', XDG_DATA_HOME: 'relative' }, '/cwd')).toBe(
      '/home-of-alice/.local/share/verbena',
    );
  });
});
