import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { busServices, databaseServices, writeSecrets } from './secrets.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'verbena-secrets-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const options = { nodes: ['node-0', 'node-1'], database: 'postgres:5432' };
const read = (path: string): Promise<string> => readFile(join(dir, path), 'utf8');

describe('the secrets of a deployment', () => {
  it('agree with each other', async () => {
    await writeSecrets(dir, options);
    const password = await read('postgres/password');
    for (const service of databaseServices)
      expect(await read(`${service}/database-url`)).toBe(`postgresql://verbena:${password}@postgres:5432/verbena`);
    expect(await read('node-0/fabric-secret')).toBe(await read('node-1/fabric-secret'));
    const config = await read('nats/nats.conf');
    for (const user of [...busServices, ...options.nodes]) expect([user, config.includes(user)]).toEqual([user, true]);
  });

  it('are each given to those who need them, and to nobody else', async () => {
    await writeSecrets(dir, options);
    expect((await readdir(join(dir, 'node-0'))).sort()).toEqual(['fabric-secret', 'nats-password']);
    expect(await readdir(join(dir, 'frontend-gateway'))).toEqual(['nats-password']);
    const seen = new Set(await Promise.all([...busServices, ...options.nodes].map((user) => read(`${user}/nats-password`))));
    expect(seen.size).toBe(busServices.length + options.nodes.length);
  });

  it('stay what they are when they are asked for again; a new node gets its own', async () => {
    await writeSecrets(dir, options);
    const before = await Promise.all(['postgres/password', 'scheduler/nats-password', 'node-0/fabric-secret'].map(read));
    const written = await writeSecrets(dir, { ...options, nodes: [...options.nodes, 'node-2'] });
    expect([...written].sort()).toEqual(['nats/nats.conf', 'node-2/fabric-secret', 'node-2/nats-password']);
    expect(await Promise.all(['postgres/password', 'scheduler/nats-password', 'node-2/fabric-secret'].map(read))).toEqual(before);
    expect(await read('nats/nats.conf')).toContain('node-2');
  });
});
