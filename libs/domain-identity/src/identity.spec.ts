import type { Decider, DomainEvent } from '@verbena/event-sourcing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  badTenantName,
  badUserName,
  includesRole,
  judge,
  lesserRole,
  noTenant,
  noToken,
  noUser,
  readRole,
  roles,
  seesToken,
  tenantDecider,
  tokenDecider,
  userDecider,
  whyNotIssue,
  type KnownToken,
  type Role,
  type TenantCommand,
  type TokenCommand,
  type UserCommand,
} from './index.ts';

/** Commands in a row: the state that they lead to, with the types of all events, or the first refusal. */
function after<C, E extends DomainEvent, S, R extends string>(decider: Decider<C, E, S, R>, ...commands: readonly C[]) {
  let state = decider.initial;
  const types: string[] = [];
  for (const command of commands) {
    const decision = decider.decide(command, state);
    if (!decision.ok) return { state, types, refused: decision.reason };
    types.push(...decision.events.map(({ type }) => type));
    state = decision.events.reduce((folded, event) => decider.evolve(folded, event), state);
  }
  return { state, types, refused: undefined };
}

const createTenant: TenantCommand = { type: 'CreateTenant', at: 1, data: { name: 'physics', description: 'Lattice' } };
const disable = (disabled: boolean): TenantCommand => ({ type: 'SetTenantDisabled', at: 2, data: { disabled } });
const createUser = (role: Role): UserCommand => ({ type: 'CreateUser', at: 1, data: { tenant: 'physics', name: 'ada', role } });
const facts = { secretHash: 'a'.repeat(64), tenant: 'physics', user: 'ada', role: 'user' as Role, description: '', createdBy: 'root' };
const issue = (more: object = {}): TokenCommand => ({ type: 'IssueToken', at: 10, data: { ...facts, ...more } });
const revoke: TokenCommand = { type: 'RevokeToken', at: 20, data: { by: 'root', reason: 'lost' } };

describe('a tenant', () => {
  it('is created once, shut out and let in again; a repetition changes nothing', () => {
    expect(after(tenantDecider, createTenant, disable(true), disable(true), disable(false))).toMatchObject({
      state: { status: 'enabled', name: 'physics', description: 'Lattice', createdAt: 1 },
      types: ['TenantCreated', 'TenantDisabled', 'TenantEnabled'],
    });
    expect(after(tenantDecider, createTenant, createTenant).refused).toBe('exists');
    expect(after(tenantDecider, disable(true)).refused).toBe('unknown');
  });

  it('has a name that fits into streams and headers, and not the one of the cluster itself', () => {
    for (const bad of ['', '-a', 'Physics', 'a/b', 'a b', 'x'.repeat(61), 'cluster', 'a*']) expect(badTenantName(bad)).toBeDefined();
    for (const good of ['physics', '0', 'a-b-c', 'x'.repeat(60)]) expect(badTenantName(good)).toBeUndefined();
  });
});

describe('a user', () => {
  it('is created once, gets another role, is shut out and let in', () => {
    const change = (data: { role?: Role; disabled?: boolean }): UserCommand => ({ type: 'ChangeUser', at: 3, data });
    expect(
      after(userDecider, createUser('user'), change({ role: 'admin', disabled: true }), change({}), change({ disabled: false })),
    ).toMatchObject({
      state: { status: 'enabled', role: 'admin' },
      types: ['UserCreated', 'UserRoleChanged', 'UserDisabled', 'UserEnabled'],
    });
    expect(after(userDecider, createUser('user'), createUser('admin')).refused).toBe('exists');
    expect(after(userDecider, change({})).refused).toBe('unknown');
  });

  it('cannot be named as the cluster is', () => {
    for (const bad of ['', 'system', '.a', 'a/b', 'ä', 'x'.repeat(65)]) expect(badUserName(bad)).toBeDefined();
    for (const good of ['ada', 'Ada.L@example.org', '7']) expect(badUserName(good)).toBeUndefined();
  });
});

describe('a token', () => {
  it('is issued once and revoked for good', () => {
    expect(after(tokenDecider, issue(), revoke, revoke)).toMatchObject({
      state: { status: 'revoked', revokedAt: 20 },
      types: ['TokenIssued', 'TokenRevoked'],
    });
    expect(after(tokenDecider, issue(), issue()).refused).toBe('exists');
    expect(after(tokenDecider, issue(), revoke, issue()).refused).toBe('exists');
    expect(after(tokenDecider, revoke).refused).toBe('unknown');
  });

  it('is kept as a hash, and must not have expired before it is made', () => {
    expect(after(tokenDecider, issue({ secretHash: 'vbn_secret' })).refused).toBe('bad-hash');
    expect(after(tokenDecider, issue({ expiresAt: 10 })).refused).toBe('expired');
    expect(after(tokenDecider, issue({ expiresAt: 11 })).refused).toBeUndefined();
  });
});

describe('judging a call', () => {
  const token = after(tokenDecider, issue({ expiresAt: 100, role: 'operator' })).state;
  const user = after(userDecider, createUser('user')).state;
  const tenant = after(tenantDecider, createTenant).state;

  it('gives the lesser of the two roles', () => {
    expect(judge(token, user, tenant, 99)).toMatchObject({ ok: true, role: 'user' });
    expect(judge(token, after(userDecider, createUser('admin')).state, tenant, 99)).toMatchObject({ ok: true, role: 'operator' });
  });

  it('refuses what is unknown, revoked, expired or shut out', () => {
    const refusals = [
      judge(noToken, user, tenant, 0),
      judge(after(tokenDecider, issue(), revoke).state, user, tenant, 0),
      judge(token, user, tenant, 100),
      judge(token, noUser, tenant, 0),
      judge(token, user, noTenant, 0),
      judge(token, user, after(tenantDecider, createTenant, disable(true)).state, 0),
    ];
    expect(refusals.map((judgement) => (judgement.ok ? 'ok' : judgement.reason))).toEqual([
      'unknown',
      'revoked',
      'expired',
      'user-disabled',
      'tenant-disabled',
      'tenant-disabled',
    ]);
  });
});

describe('roles', () => {
  const role = fc.constantFrom(...roles);

  it('are in order: the lesser of two is included in both', () => {
    fc.assert(
      fc.property(role, role, (a, b) => {
        const lesser = lesserRole(a, b);
        expect(includesRole(a, lesser) && includesRole(b, lesser) && (lesser === a || lesser === b)).toBe(true);
      }),
    );
    expect(roles.map((one) => includesRole('operator', one))).toEqual([true, true, true, false]);
    expect([readRole('OPERATOR'), readRole('root'), readRole(undefined)]).toEqual(['operator', undefined, undefined]);
  });

  it('let nobody but an admin make a token for somebody else, or one that may more than its maker', () => {
    fc.assert(
      fc.property(role, role, fc.boolean(), fc.boolean(), (has, wanted, sameTenant, sameUser) => {
        const asker = { tenant: 'physics', user: 'ada', role: has };
        const why = whyNotIssue(asker, { tenant: sameTenant ? 'physics' : 'chemistry', user: sameUser ? 'ada' : 'bob', role: wanted });
        expect(why === undefined).toBe(has === 'admin' || (sameTenant && sameUser && includesRole(has, wanted)));
      }),
    );
  });

  it('let everybody know of their own tokens, and admins of all', () => {
    const token = after(tokenDecider, issue()).state as KnownToken;
    expect(seesToken({ tenant: 'physics', user: 'ada', role: 'viewer' }, token)).toBe(true);
    expect(seesToken({ tenant: 'chemistry', user: 'ada', role: 'operator' }, token)).toBe(false);
    expect(seesToken({ tenant: 'physics', user: 'bob', role: 'operator' }, token)).toBe(false);
    expect(seesToken({ tenant: 'chemistry', user: 'root', role: 'admin' }, token)).toBe(true);
  });
});
