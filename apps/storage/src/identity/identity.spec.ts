import { randomBytes } from 'node:crypto';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { identityv1 } from '@verbena/contracts';
import { createMemoryEventStore } from '@verbena/event-sourcing';
import { withCallContext } from '@verbena/messaging';
import { manualClock, testContext, type ManualClock, type TestContext } from '@verbena/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Directory } from './directory.ts';
import { credentialService, identityService } from './identity-service.ts';

const { ADMIN, USER, VIEWER } = identityv1.Role;
const store = () => createMemoryEventStore();

let context: TestContext;
let clock: ManualClock;
let log: ReturnType<typeof store>;
let directory: Directory;
let changes: number;

beforeEach(async () => {
  clock = manualClock();
  context = await testContext({ clock });
  log = store();
  await open();
});
afterEach(async () => {
  await directory.stop();
  await context.dispose();
});

async function open(): Promise<void> {
  changes = 0;
  directory = await Directory.open(log, () => changes++);
  const parts = { directory, clock, random: context.random };
  await context.bus.serve(identityv1.IdentityService, identityService(parts));
  await context.bus.serve(identityv1.CredentialService, credentialService(parts));
}

const identity = () => context.bus.client(identityv1.IdentityService);
const credentials = () => context.bus.client(identityv1.CredentialService);
const admin = <T>(run: () => Promise<T>) => withCallContext({ actor: 'root', tenant: 'default', roles: ['admin'] }, run);
const ada = <T>(run: () => Promise<T>, role = 'user') => withCallContext({ actor: 'ada', tenant: 'physics', roles: [role] }, run);
const hash = () => new Uint8Array(randomBytes(32));
const failure = (call: Promise<unknown>): Promise<ConnectError> =>
  call.then(
    () => expect.unreachable(),
    (error: unknown) => ConnectError.from(error),
  );

async function physics(): Promise<void> {
  await admin(() => identity().createTenant({ name: 'physics' }));
  await admin(() => identity().createUser({ tenant: 'physics', name: 'ada', role: USER }));
}

describe('creating', () => {
  it('is done once a key, whoever repeats it', async () => {
    const create = (key: string) => admin(() => identity().createTenant({ name: 'physics', idempotencyKey: key }));
    expect((await create('k')).tenant?.name).toBe('physics');
    expect((await create('k')).tenant?.name).toBe('physics');
    expect(await failure(create('other'))).toMatchObject({ code: Code.AlreadyExists });
    expect(await failure(create(''))).toMatchObject({ code: Code.AlreadyExists });
    expect(changes).toBe(1);
  });

  it('a token twice under one key gives the first one, and says that it is a repetition', async () => {
    await physics();
    const issue = (key: string) => ada(() => credentials().issueToken({ secretSha256: hash(), token: { idempotencyKey: key } }));
    const [first, again, other] = [await issue('k'), await issue('k'), await issue('l')];
    expect([first.repeated, again.repeated, other.repeated]).toEqual([false, true, false]);
    expect([again.token?.id === first.token?.id, other.token?.id === first.token?.id]).toEqual([true, false]);
    expect((await ada(() => identity().listTokens({}))).tokens).toHaveLength(2);
    // Of the same secret it is the answer that got lost, and the secret is still good.
    const secretSha256 = hash();
    const same = () => ada(() => credentials().issueToken({ secretSha256, token: { idempotencyKey: 'm' } }));
    expect([(await same()).repeated, (await same()).repeated]).toEqual([false, false]);
    expect((await ada(() => identity().listTokens({}))).tokens).toHaveLength(3);
  });

  it('needs what it refers to, and names that can be', async () => {
    expect(await failure(admin(() => identity().createUser({ tenant: 'nowhere', name: 'ada', role: USER })))).toMatchObject({
      code: Code.NotFound,
    });
    expect(await failure(admin(() => identity().createTenant({ name: 'cluster' })))).toMatchObject({ code: Code.InvalidArgument });
    expect(await failure(admin(() => identity().createUser({ name: 'system', role: ADMIN })))).toMatchObject({
      code: Code.InvalidArgument,
    });
    const nobody = { secretSha256: hash(), token: { tenant: 'default', user: 'nobody' } };
    expect(await failure(admin(() => credentials().issueToken(nobody)))).toMatchObject({ code: Code.NotFound });
  });
});

describe('a token', () => {
  it('is known by its hash, in the lesser role of the two, and after a restart', async () => {
    await physics();
    const secretSha256 = hash();
    await ada(() => credentials().issueToken({ secretSha256, token: { role: VIEWER } }));
    expect(await credentials().authenticate({ secretSha256 })).toMatchObject({ role: VIEWER, token: { user: 'ada', tenant: 'physics' } });
    await directory.stop();
    directory = await Directory.open(log, () => undefined);
    expect((await directory.tokenOfHash(Buffer.from(secretSha256).toString('hex'))).state).toMatchObject({ user: 'ada' });
  });

  it('is good for nothing when unknown, expired, revoked, or shut out with its user or tenant', async () => {
    await physics();
    const secretSha256 = hash();
    const why = async () => (await failure(credentials().authenticate({ secretSha256 }))).rawMessage;
    expect(await why()).toBe('the token is not known');
    const expiresAt = timestampFromMs(clock.now().getTime() + 1_000);
    const { token } = await ada(() => credentials().issueToken({ secretSha256, token: { expiresAt } }));
    await admin(() => identity().updateUser({ tenant: 'physics', name: 'ada', disabled: true }));
    expect(await why()).toContain('ada is shut out');
    await admin(() => identity().updateUser({ tenant: 'physics', name: 'ada', disabled: false }));
    await admin(() => identity().updateTenant({ name: 'physics', disabled: true }));
    expect(await why()).toContain('physics is shut out');
    await admin(() => identity().updateTenant({ name: 'physics', disabled: false }));
    expect((await credentials().authenticate({ secretSha256 })).role).toBe(USER);
    await clock.advance(1_000);
    expect(await why()).toContain('expired at');
    await ada(() => identity().revokeToken({ id: token?.id ?? '' }));
    expect(await why()).toContain('revoked');
  });

  it('of somebody else does not exist, except for admins', async () => {
    await physics();
    const { token } = await ada(() => credentials().issueToken({ secretSha256: hash(), token: {} }));
    const bob = <T>(run: () => Promise<T>) => withCallContext({ actor: 'bob', tenant: 'physics', roles: ['operator'] }, run);
    expect(await failure(bob(() => identity().revokeToken({ id: token?.id ?? '' })))).toMatchObject({ code: Code.NotFound });
    expect((await bob(() => identity().listTokens({ all: true }))).tokens).toEqual([]);
    expect((await admin(() => identity().listTokens({ all: true }))).tokens).toHaveLength(1);
    expect(await failure(bob(() => credentials().issueToken({ secretSha256: hash(), token: { user: 'ada' } })))).toMatchObject({
      code: Code.PermissionDenied,
    });
  });
});

describe('the first admin', () => {
  const token = { tenant: 'default', user: 'admin', role: ADMIN, idempotencyKey: 'of the file' };
  const bootstrap = (secretSha256: Uint8Array, key = token.idempotencyKey) =>
    credentials().issueToken({ secretSha256, token: { ...token, idempotencyKey: key }, bootstrap: true });

  it('is made from nothing, once, and brought back by whoever can start the gateway', async () => {
    const secret = hash();
    await bootstrap(secret);
    await bootstrap(secret);
    expect(await credentials().authenticate({ secretSha256: secret })).toMatchObject({
      role: ADMIN,
      token: { user: 'admin', tenant: 'default' },
    });
    expect((await admin(() => identity().listTokens({ all: true }))).tokens).toHaveLength(1);
    await admin(() => identity().updateUser({ name: 'admin', role: VIEWER, disabled: true }));
    const another = hash();
    await bootstrap(another, 'of another file');
    expect((await credentials().authenticate({ secretSha256: another })).role).toBe(ADMIN);
  });

  it('leaves events that belong to nobody’s tenant', async () => {
    await bootstrap(hash());
    const tenants = new Set((await log.readAll()).map(({ metadata }) => metadata.tenant));
    expect([...tenants]).toEqual(['cluster']);
    expect(JSON.stringify((await log.readAll()).map(({ event }) => event))).not.toContain('vbn_');
  });
});
