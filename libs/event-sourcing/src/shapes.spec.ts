import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import { presentShape, upcast, type Upcaster } from './catalogue.ts';
import { concerns, subjectsOf } from './subjects.ts';

describe('canonical JSON', () => {
  it('is JSON of the same value, whatever the order in which it was put together', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        // -0 is 0 in JSON.
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
    expect(canonicalJson({ b: undefined, a: [undefined, 1n === 1n] })).toBe('{"a":[null,true]}');
  });
});

/** The same value, with the keys of every object in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

describe('a chain of upcasters', () => {
  it('is gone through from the shape that was written to the present one, each step once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 7 }), (length, written) => {
        const steps = Array.from({ length }, (_, index): Upcaster => (data) => [...(data as number[]), index + 2]);
        const catalogue = { Grown: steps };
        expect(presentShape(catalogue, 'Grown')).toBe(length + 1);
        if (written > length + 1) expect(() => upcast(catalogue, 'Grown', written, [])).toThrow('written by a newer version');
        else {
          const passed = Array.from({ length: length + 1 - written }, (_, index) => written + 1 + index);
          expect(upcast(catalogue, 'Grown', written, [])).toEqual(passed);
        }
      }),
    );
  });

  it('is none for types that were never changed, or whose names mean something to JavaScript', () => {
    for (const type of ['Plain', 'constructor', '__proto__', 'toString']) expect(upcast({}, type, 1, { a: 1 })).toEqual({ a: 1 });
  });
});

describe('whom an event concerns', () => {
  const event = (data: unknown) => ({
    stream: 'job-1',
    metadata: { actor: 'ada', tenant: 'physics', correlationId: 'job-2' },
    event: { type: 'A', data },
  });

  it('is who its stream, its job and its payload name, and nobody whom a user wrote down', () => {
    const data = {
      assignments: [{ vmId: 'vm-1', nodeId: 'node-1', nodeName: 'vm-7' }],
      evicted: ['vm-2'],
      trees: [{ nodeId: 'node-2', children: [{ nodeId: 'node-3' }] }],
      spec: { name: 'job-9', jobId: 'job-9', env: { vmId: 'vm-9' } },
      reason: 'vm-9',
      imageDigest: 'sha256:0',
      vmIds: ['vm-3', 'no id', 7],
    };
    const found = ['job-1', 'job-2', 'vm-1', 'node-1', 'vm-2', 'node-2', 'node-3', 'vm-3'];
    expect([...subjectsOf(event(data))].sort()).toEqual([...found].sort());
    for (const subject of found) expect(concerns(event(data), subject)).toBe(true);
    expect(concerns(event(data), 'vm-9')).toBe(false);
  });

  it('is found within bounds, however deep or long a payload is', () => {
    let deep: unknown = { vmId: 'vm-deep' };
    for (let level = 0; level < 10_000; level++) deep = { inner: deep };
    expect(subjectsOf(event(deep))).toEqual(['job-1', 'job-2']);
    expect(subjectsOf(event({ vmIds: Array.from({ length: 100_000 }, (_, n) => `vm-${n}`) })).length).toBeLessThanOrEqual(4_096);
  });
});
