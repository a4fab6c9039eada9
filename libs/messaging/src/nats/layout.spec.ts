import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callerFrom, callerTokens, serviceSubjects, token, untoken } from './layout.ts';

const text = fc.string({ unit: 'binary', minLength: 1 }).map((any) => any.toWellFormed());

describe('the subjects of the bus', () => {
  it('have any name as one token, and give it back', () => {
    fc.assert(
      fc.property(text, (name) => {
        expect(token(name)).toMatch(/^[A-Za-z0-9_=-]+$/);
        expect(untoken(token(name))).toBe(name);
      }),
    );
    expect(() => token('')).toThrow('empty');
  });

  it('give no two callers the same tokens', () => {
    const caller = fc.record({ service: text, instance: text }, { requiredKeys: ['service'] });
    fc.assert(
      fc.property(caller, (who) => {
        const [service, instance, more] = callerTokens(who).split('.');
        expect(more).toBeUndefined();
        expect(callerFrom(service, instance)).toEqual(who);
      }),
    );
  });

  it('name nobody where the tokens are not ours', () => {
    for (const [service, instance] of [
      ['', '='],
      ['a', undefined],
      ['a=2', '='],
      ['a', 'b=zz'],
      ['=41', '='],
      ['a', '=FF'],
      ['=', '='],
    ])
      expect(callerFrom(service, instance)).toBeUndefined();
  });

  it('keep a service without instances apart from an instance that is called like nothing', () => {
    const subjects = (address?: string) => serviceSubjects('verbena', 'verbena.testing.Echo', address).calls;
    expect(subjects()).toBe('verbena.rpc.verbena-testing-Echo.=.*.*.*');
    expect(subjects('=')).toBe('verbena.rpc.verbena-testing-Echo.=3D.*.*.*');
    expect(subjects('a.*.>')).toBe('verbena.rpc.verbena-testing-Echo.a=2E=2A=2E=3E.*.*.*');
  });
});
