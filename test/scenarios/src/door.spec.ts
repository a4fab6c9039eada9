/** A cluster that does not let everybody in: tokens and TLS, from the command line. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Sandbox } from '@verbena/framework';
import { makeCertificate } from '@verbena/frontend-gateway/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

let sandbox: Sandbox;
const { certificate, key } = makeCertificate('a cluster of my own');
const up = ['up', '-d', '--hosts', '1', '--cores', '1', '--auth', 'tokens', '--tls-certificate', 'certificate.pem', '--tls-key', 'key.pem'];

beforeAll(async () => {
  sandbox = await Sandbox.create();
  await sandbox.file('certificate.pem', certificate);
  await sandbox.file('key.pem', key);
});
afterAll(async () => {
  await sandbox.cli(['down']);
  await sandbox.destroy();
});

it('lets its owner in, who is told of the token and the certificate by the data directory', async () => {
  expect((await sandbox.cli(up)).code).toBe(0);
  expect((await stat(join(sandbox.data, 'admin-token'))).mode & 0o777).toBe(0o600);
  expect(await sandbox.json(['whoami'])).toMatchObject({ user: 'admin', tenant: 'default', role: 'admin' });
  expect((await sandbox.cli(['nodes'])).stdout).toContain('ready');
});

it('lets nobody in who has only the address', async () => {
  const { url } = JSON.parse(await readFile(join(sandbox.data, 'endpoint.json'), 'utf8')) as { url: string };
  expect(url).toMatch(/^https:/);
  const stranger = await sandbox.cli(['jobs', '--endpoint', url]);
  expect([stranger.code, stranger.stderr]).toEqual([3, expect.stringContaining('name its authority with --ca')]);
  const trusting = await sandbox.cli(['jobs', '--endpoint', url, '--ca', 'certificate.pem']);
  expect([trusting.code, trusting.stderr]).toEqual([77, expect.stringContaining('API token')]);
});

it('knows the same token after a restart, and no more after it was revoked', async () => {
  const { id } = (await sandbox.json<{ token: { id: string } }>(['whoami'])).token;
  const made = await sandbox.cli(['token', 'create', '--description', 'for later', '--out', 'later']);
  expect(made.code).toBe(0);
  expect((await sandbox.cli(['down'])).code).toBe(0);
  expect((await sandbox.cli(up)).code).toBe(0);
  expect(await sandbox.json(['whoami'])).toMatchObject({ token: { id } });
  const later = (await sandbox.json<{ token: { id: string } }>(['whoami', '--token-file', 'later'])).token.id;
  expect((await sandbox.cli(['token', 'revoke', later])).code).toBe(0);
  expect((await sandbox.cli(['whoami', '--token-file', 'later'])).code).toBe(77);
});
