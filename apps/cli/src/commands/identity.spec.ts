/** The commands about identity and contexts, against a gateway that asks for tokens and speaks TLS, with storage behind it. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryEventStore } from '@verbena/event-sourcing';
import { newSecret, startGateway, type Gateway } from '@verbena/frontend-gateway';
import { makeCertificate } from '@verbena/frontend-gateway/testing';
import { testContext, type TestContext } from '@verbena/service-kit/testing';
import { startStorage } from '@verbena/storage';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { main } from '../main.ts';
import { memoryIo } from '../terminal/io.fixture.ts';

let dir: string;
let gateway: Gateway;
let context: TestContext;
const stops: (() => Promise<unknown>)[] = [];
const path = (name: string) => join(dir, name);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'verbena-identity-'));
  context = await testContext();
  const storage = await startStorage(context, { store: createMemoryEventStore() });
  const authority = makeCertificate('the authority');
  const own = makeCertificate('the gateway', authority);
  await writeFile(path('ca.pem'), authority.certificate);
  await writeFile(path('certificate.pem'), own.certificate);
  await writeFile(path('key.pem'), own.key);
  await writeFile(path('root'), `${newSecret(context.random)}\n`);
  gateway = await startGateway(context, {
    tls: { certificate: path('certificate.pem'), key: path('key.pem') },
    auth: { mode: 'tokens', bootstrapSecret: (await readFile(path('root'), 'utf8')).trim() },
    facts: { version: '0', startedAt: new Date(0), dataDirectory: '', services: () => [] },
  });
  stops.push(
    () => gateway.stop(),
    () => storage.stop(),
    () => context.dispose(),
    () => rm(dir, { recursive: true, force: true }),
  );
  while ((await gateway.notReady()) !== undefined) await context.clock.sleep(5);
});
afterAll(async () => {
  for (const stop of stops) await stop();
});

async function verbena(words: string, env: Record<string, string> = {}) {
  const io = memoryIo({ env: { XDG_CONFIG_HOME: path('config'), XDG_DATA_HOME: path('data'), ...env }, cwd: dir });
  const code = await main(words.split(' '), io);
  return { code, out: io.stdoutText(), err: io.stderrText() };
}

const json = async (words: string, env?: Record<string, string>): Promise<unknown> =>
  JSON.parse((await verbena(`${words} --json`, env)).out);

it('a cluster is reached only by who trusts its certificate and shows a token', async () => {
  const at = `--endpoint ${gateway.url}`;
  expect(await verbena(`whoami ${at}`)).toMatchObject({ code: 3, err: expect.stringContaining('name its authority with --ca') as string });
  expect(await verbena(`whoami ${at} --ca ca.pem`)).toMatchObject({
    code: 77,
    err: expect.stringMatching(/API token.*--token-file/s) as string,
  });
  expect((await verbena(`whoami ${at} --ca ca.pem --token vbn_x`)).code).toBe(77);
  expect(await json(`whoami ${at} --ca ca.pem --token-file root`)).toMatchObject({ user: 'admin', tenant: 'default', role: 'admin' });
  const secret = (await readFile(path('root'), 'utf8')).trim();
  expect(await json('whoami', { VERBENA_ENDPOINT: gateway.url, VERBENA_CA: path('ca.pem'), VERBENA_TOKEN: secret })).toMatchObject({
    user: 'admin',
  });
});

it('a context says all of that by one name, in a file that only its owner can read', async () => {
  expect((await verbena('whoami')).code).toBe(3);
  expect((await verbena('context add root')).code).toBe(2);
  await verbena(`context add root --endpoint ${gateway.url} --token-file root --ca ca.pem`);
  expect((await stat(path('config/verbena/contexts.json'))).mode & 0o777).toBe(0o600);
  expect((await stat(path('config/verbena'))).mode & 0o777).toBe(0o700);
  expect(await json('whoami')).toMatchObject({ user: 'admin' });
  const { out } = await verbena('context list');
  expect(out).toMatch(/\*\s+root\s+https:/);
  expect(out).not.toContain('vbn_');
  expect((await verbena(`context add root --endpoint ${gateway.url}`)).code).toBe(2);
  expect((await verbena('whoami --context nowhere')).err).toContain('there is no context "nowhere"');
  // Who names a data directory does not mean the current context.
  expect((await verbena('whoami', { VERBENA_DATA_DIR: path('data') })).code).toBe(3);
});

it('an admin makes a tenant, a user and a token; the user comes in with it, and sees its tenant only', async () => {
  expect((await verbena('tenant create physics --description Lattice')).out).toBe('physics is enabled\n');
  expect((await verbena('tenant create physics')).code).toBe(1);
  expect((await verbena('user create ada --tenant physics --role user')).out).toBe('physics/ada is user\n');
  expect((await verbena('token create --tenant physics --user nobody')).code).toBe(4);
  expect((await verbena('token create --tenant physics --user ada --expires 1h --out ada.token')).code).toBe(0);
  expect((await stat(path('ada.token'))).mode & 0o777).toBe(0o600);
  await verbena(`context add ada --endpoint ${gateway.url} --token-file ada.token --ca ca.pem`);
  await verbena('context use ada');
  expect(await json('whoami')).toMatchObject({ user: 'ada', tenant: 'physics', role: 'user', token: { state: 'active' } });
  expect(await json('tenant list')).toMatchObject({ tenants: [{ name: 'physics' }] });
  expect(await json('user list')).toMatchObject({ users: [{ name: 'ada' }] });
  expect((await verbena('user list --tenant default')).code).toBe(4);
  expect((await verbena('tenant create chemistry')).code).toBe(77);
});

it('a user makes tokens for itself, with no more than it may, and revokes them', async () => {
  expect((await verbena('token create --role admin')).code).toBe(77);
  const made = (await json('token create --role viewer')) as { token: { id: string }; secret: string };
  expect(made.secret).toMatch(/^vbn_/);
  expect(await json('whoami', { VERBENA_TOKEN: '' })).toMatchObject({ user: 'ada' });
  expect(await json(`whoami --token ${made.secret}`)).toMatchObject({ user: 'ada', role: 'viewer' });
  expect(await json('token list')).toMatchObject({ tokens: [{ id: made.token.id, role: 'viewer', createdBy: 'ada' }, { role: 'user' }] });
  expect((await verbena(`token revoke ${made.token.id}`)).out).toBe(`${made.token.id} is revoked\n`);
  expect(await verbena(`whoami --token ${made.secret}`)).toMatchObject({
    code: 77,
    err: expect.stringContaining('has been revoked') as string,
  });
  expect((await verbena('token list')).out).not.toContain('vbn_');
});

it('a user or tenant that is shut out stays out until it is let in again', async () => {
  const denied = async () => (await verbena('whoami --context ada')).code;
  expect((await verbena('user disable ada --tenant physics --context root')).out).toBe('physics/ada is shut out\n');
  expect(await denied()).toBe(77);
  await verbena('user enable ada --tenant physics --context root');
  expect(await denied()).toBe(0);
  expect((await verbena('tenant disable physics --context root')).out).toBe('physics is shut out\n');
  expect(await denied()).toBe(77);
  await verbena('tenant enable physics --context root');
  expect((await verbena('user role ada viewer --tenant physics --context root')).out).toBe('physics/ada is viewer\n');
  expect(await json('whoami --context ada')).toMatchObject({ role: 'viewer' });
});

it('the first admin’s token is made without a cluster, and never over another', async () => {
  expect((await verbena('token bootstrap --out first')).code).toBe(0);
  expect(await readFile(path('first'), 'utf8')).toMatch(/^vbn_[A-Za-z0-9_-]{43}\n$/);
  expect(await verbena('token bootstrap --out first')).toMatchObject({
    code: 1,
    err: expect.stringContaining('must not exist yet') as string,
  });
});
