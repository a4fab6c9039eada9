import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { identityv1, jobv1 } from '@verbena/contracts';
import { manualClock, seededRandom } from '@verbena/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeBus, fakeContext } from './gateway.fixture.ts';
import { startGateway, type Gateway } from './gateway.ts';
import { hashOfSecret, newSecret, tokenAuthenticator } from './tokens.ts';

const random = seededRandom(7);
const secret = newSecret(random);
const bearer = (value: string) => new Headers({ authorization: `Bearer ${value}` });
const facts = { version: '0', startedAt: new Date(0), dataDirectory: '', services: () => [] };

/** The part of storage that knows whose a hash is; it knows one. */
function directory() {
  const state = { asked: 0, revoked: false, away: false, expiresAt: undefined as number | undefined };
  const bus = fakeBus();
  bus.fake(identityv1.CredentialService, {
    authenticate: ({ secretSha256 }) => {
      state.asked++;
      if (state.away) throw new ConnectError('no database', Code.Unavailable);
      if (state.revoked) throw new ConnectError('the token has been revoked', Code.Unauthenticated);
      if (Buffer.compare(secretSha256, hashOfSecret(secret)) !== 0) throw new ConnectError('the token is not known', Code.Unauthenticated);
      const expires = state.expiresAt === undefined ? {} : { expiresAt: timestampFromMs(state.expiresAt) };
      return { token: { id: 'token-1', user: 'ada', tenant: 'physics', ...expires }, role: identityv1.Role.USER };
    },
  });
  return { bus, state };
}

describe('an API token', () => {
  it('has 256 random bits behind a prefix that says what it is', () => {
    expect(secret).toMatch(/^vbn_[A-Za-z0-9_-]{43}$/);
    expect(new Set(Array.from({ length: 50 }, () => newSecret(random))).size).toBe(50);
    expect(hashOfSecret(secret)).toHaveLength(32);
    expect(() => hashOfSecret('vbn_short')).toThrow(TypeError);
  });
});

describe('the gateway’s memory of tokens', () => {
  it('asks once, and again when what it was told has become old', async () => {
    const { bus, state } = directory();
    const clock = manualClock();
    const authenticator = tokenAuthenticator({ bus, clock, ttlMs: 1_000 });
    for (let call = 0; call < 3; call++)
      expect(await authenticator.identify(bearer(secret))).toMatchObject({ actor: 'ada', tenant: 'physics', role: 'user' });
    expect(state.asked).toBe(1);
    state.revoked = true;
    await clock.advance(999);
    await authenticator.identify(bearer(secret));
    await clock.advance(1);
    await expect(authenticator.identify(bearer(secret))).rejects.toMatchObject({
      code: Code.Unauthenticated,
      rawMessage: 'the token has been revoked',
    });
    expect(state.asked).toBe(2);
  });

  it('does not outlive the token', async () => {
    const { bus, state } = directory();
    const clock = manualClock();
    state.expiresAt = clock.now().getTime() + 500;
    const authenticator = tokenAuthenticator({ bus, clock, ttlMs: 10_000 });
    await authenticator.identify(bearer(secret));
    await clock.advance(500);
    await expect(authenticator.identify(bearer(secret))).rejects.toMatchObject({ code: Code.Unauthenticated });
    expect(state.asked).toBe(1);
  });

  it('says UNAVAILABLE when nobody can tell, and asks again at the next call', async () => {
    const { bus, state } = directory();
    const authenticator = tokenAuthenticator({ bus, clock: manualClock() });
    state.away = true;
    await expect(authenticator.identify(bearer(secret))).rejects.toMatchObject({ code: Code.Unavailable });
    state.away = false;
    expect(await authenticator.identify(bearer(secret))).toMatchObject({ actor: 'ada' });
  });

  it('remembers no more of those who guess than it may', async () => {
    const { bus, state } = directory();
    const authenticator = tokenAuthenticator({ bus, clock: manualClock(), maximumRemembered: 10 });
    const guesses = Array.from({ length: 30 }, () => newSecret(random));
    for (const guess of guesses) await expect(authenticator.identify(bearer(guess))).rejects.toMatchObject({ code: Code.Unauthenticated });
    const asked = state.asked;
    for (const guess of guesses.slice(-10)) await expect(authenticator.identify(bearer(guess))).rejects.toBeDefined();
    expect(state.asked).toBe(asked);
    await expect(authenticator.identify(bearer(guesses[0] ?? ''))).rejects.toBeDefined();
    expect(state.asked).toBe(asked + 1);
  });
});

describe('a gateway that asks for tokens', () => {
  let gateway: Gateway;
  let state: ReturnType<typeof directory>['state'];
  let ended: boolean;
  let bus: ReturnType<typeof directory>['bus'];
  const client = () => createClient(jobv1.JobService, createGrpcTransport({ baseUrl: gateway.url }));
  beforeEach(async () => {
    const made = directory();
    ({ state, bus } = made);
    ended = false;
    made.bus.fake(jobv1.JobService, {
      getJob: (_request, { requestHeader }) => ({
        job: { id: ['verbena-actor', 'verbena-tenant', 'verbena-roles'].map((name) => requestHeader.get(name)).join('/') },
      }),
      watchJob: async function* (_request, { signal }) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        ended = true;
        yield {};
      },
    });
    gateway = await startGateway({ ...fakeContext(made.bus), random }, { facts, auth: { mode: 'tokens' }, heartbeatMs: 5 });
  });
  afterEach(() => gateway.stop());

  it('calls on behalf of the token’s user, whatever else the headers claim', async () => {
    const headers = bearer(secret);
    for (const name of ['verbena-user', 'verbena-actor', 'verbena-tenant', 'verbena-roles']) headers.set(name, 'admin');
    expect((await client().getJob({ id: 'x' }, { headers })).job?.id).toBe('ada/physics/user');
  });

  it('refuses calls without a token, and with what is none', async () => {
    const unauthenticated = { code: Code.Unauthenticated };
    await expect(client().getJob({ id: 'x' })).rejects.toMatchObject(unauthenticated);
    for (const authorization of [
      'Basic YTpi',
      'Bearer',
      'Bearer vbn_x',
      secret,
      `Bearer ${secret} ${secret}`,
      `Bearer ${newSecret(random)}`,
    ])
      await expect(client().getJob({ id: 'x' }, { headers: { authorization } })).rejects.toMatchObject(unauthenticated);
  });

  it('makes a token though its first answer was lost: the same secret under the same key', async () => {
    const asked: string[] = [];
    bus.fake(identityv1.CredentialService, {
      authenticate: () => ({ token: { id: 'token-1', user: 'ada', tenant: 'physics' }, role: identityv1.Role.USER }),
      issueToken: ({ secretSha256, token }) => {
        asked.push(`${token?.idempotencyKey ?? ''} ${Buffer.from(secretSha256).toString('hex')}`);
        if (asked.length === 1) throw new ConnectError('storage is being replaced', Code.Unavailable);
        return { token: { id: 'token-2' } };
      },
    });
    const identity = createClient(identityv1.IdentityService, createGrpcTransport({ baseUrl: gateway.url }));
    const made = await identity.createToken({ description: 'dashboard' }, { headers: bearer(secret) });
    expect(asked).toHaveLength(2);
    expect(new Set(asked).size).toBe(1);
    expect(asked[0]).toMatch(/^gateway-[0-9a-f]{32} /);
    expect(asked[0]?.endsWith(Buffer.from(hashOfSecret(made.secret)).toString('hex'))).toBe(true);
  });

  it('ends a stream whose token is revoked while it waits', async () => {
    const beats: unknown[] = [];
    await expect(async () => {
      for await (const message of client().watchJob({ id: 'x' }, { headers: bearer(secret) })) {
        beats.push(message.job);
        if (beats.length !== 3) continue;
        state.revoked = true;
        bus.publish('identity.changed', new Uint8Array());
      }
    }).rejects.toMatchObject({ code: Code.Unauthenticated, rawMessage: 'the token has been revoked' });
    expect(beats.slice(0, 3)).toEqual([undefined, undefined, undefined]);
    await expect.poll(() => ended).toBe(true);
  });
});
