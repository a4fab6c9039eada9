import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callContextFromHeaders, formatTraceparent, parseTraceparent } from './call-context.ts';
import { identityFromHeaders, identityHeaders } from './identity.ts';
import { subjectMatches } from './subjects.ts';

describe('the context of a call in headers', () => {
  it('brings back any identity', () => {
    const name = fc.string({ unit: 'binary', minLength: 1 }).map((text) => text.toWellFormed());
    fc.assert(
      fc.property(name, name, fc.array(name), (actor, tenant, roles) => {
        expect(identityFromHeaders(new Headers(identityHeaders({ actor, tenant, roles })))).toEqual({ actor, tenant, roles });
      }),
    );
  });

  it('is the system’s own when nobody is named, and survives what is malformed', () => {
    expect(callContextFromHeaders(new Headers())).toEqual({ actor: 'system', tenant: 'default', roles: [] });
    expect(identityFromHeaders(new Headers({ 'verbena-actor': '100%' })).actor).toBe('100%');
  });

  it('reads and writes W3C traceparents, and takes nothing else for one', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const span = parseTraceparent(traceparent);
    expect(span).toMatchObject({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', isRemote: true });
    expect(span && formatTraceparent(span)).toBe(traceparent);
    for (const bad of [undefined, '', 'x', traceparent.toUpperCase(), `00-${'0'.repeat(32)}-b7ad6b7169203331-01`]) {
      expect(parseTraceparent(bad)).toBeUndefined();
    }
  });
});

describe('subjects', () => {
  it.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a.c', false],
    ['a.*', 'a.b', true],
    ['a.*', 'a.b.c', false],
    ['a.>', 'a.b.c', true],
    ['a.>', 'a', false],
    ['>', 'a', true],
    ['a', 'a.b', false],
    ['a.b', 'a', false],
  ])('%s against %s: %s', (pattern, subject, expected) => expect(subjectMatches(pattern, subject)).toBe(expected));
});
