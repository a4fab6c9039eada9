import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { array, bytes, cstring, i32, struct, u16, u32, u64, u8 } from './index.ts';

describe('struct', () => {
  const inner = struct('inner', { tag: u8, value: u64 }, 16);
  const outer = struct('outer', { kind: u8, count: u16, delta: i32, inner, list: array(u16, 3), raw: bytes(5), name: cstring(8) }, 48);

  it('lays fields out as C does: each at a multiple of its alignment, the whole padded', () => {
    expect(outer.offsets).toEqual({ kind: 0, count: 2, delta: 4, inner: 8, list: 24, raw: 30, name: 35 });
    expect(outer.align).toBe(8);
  });

  it('refuses a declaration that does not have the size which its format states', () => {
    expect(() => struct('wrong', { a: u8, b: u32 }, 5)).toThrow('struct wrong has 8 bytes, but its format says 5');
  });

  it('refuses to decode what is too short', () => {
    expect(() => inner.decode(new Uint8Array(15))).toThrow('struct inner needs 16 bytes, 15 are there');
  });

  it('refuses bytes and arrays that do not fit', () => {
    expect(() => outer.encode({ raw: new Uint8Array(6) })).toThrow(RangeError);
    expect(() => outer.encode({ list: [1, 2] })).toThrow(RangeError);
  });

  it('reads back what it wrote, at any offset, and touches nothing else', () => {
    const value = fc.record({
      kind: fc.integer({ min: 0, max: 255 }),
      count: fc.integer({ min: 0, max: 65535 }),
      delta: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      inner: fc.record({ tag: fc.integer({ min: 0, max: 255 }), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
      list: fc.array(fc.integer({ min: 0, max: 65535 }), { minLength: 3, maxLength: 3 }),
      raw: fc.uint8Array({ minLength: 5, maxLength: 5 }),
      name: fc.string({ maxLength: 7, unit: 'grapheme-ascii' }),
    });
    fc.assert(
      fc.property(value, fc.integer({ min: 0, max: 64 }), (given, offset) => {
        const view = new DataView(new Uint8Array(128).fill(0xcc).buffer);
        outer.write(view, offset, given);
        expect(outer.read(view, offset)).toEqual(given);
        for (let i = 0; i < 128; i++) if (i < offset || i >= offset + outer.size) expect(view.getUint8(i)).toBe(0xcc);
      }),
    );
  });

  it('cuts a string between characters, never within one', () => {
    const field = cstring(6);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (given) => {
        const view = new DataView(new ArrayBuffer(6));
        const clean = given.replaceAll('\0', 'x').toWellFormed();
        field.write(view, 0, clean);
        const back = field.read(view, 0);
        expect(clean.startsWith(back) && view.getUint8(5) === 0).toBe(true);
      }),
    );
  });
});
