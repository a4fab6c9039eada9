import { Code } from '@connectrpc/connect';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  codeOf,
  decodeFrame,
  encodeFrame,
  encodeLines,
  FrameError,
  frameHead,
  frameKinds,
  headerLines,
  headersOf,
  maxHeadBytes,
  ownLine,
  type FrameKind,
} from './frame.ts';

const kind = fc.constantFrom(...(Object.keys(frameKinds) as FrameKind[]));
const u32 = fc.nat(0xffff_ffff);
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const value = fc.stringMatching(/^[\x20-\x7e\xa0-\xff]{0,40}$/);
const frame = fc.record({
  kind,
  end: fc.boolean(),
  status: fc.nat(0xffff),
  sequence: u32,
  limit: u32,
  lines: fc.array(fc.tuple(name, value), { maxLength: 20 }),
  body: fc.uint8Array({ maxLength: 200 }),
});

describe('a frame of the bus', () => {
  it('comes back as it was sent, wherever its bytes lie', () => {
    fc.assert(
      fc.property(frame, fc.nat(7), (sent, offset) => {
        const bytes = encodeFrame({ ...sent, head: encodeLines(sent.lines) });
        const within = new Uint8Array(bytes.length + offset + 3);
        within.set(bytes, offset);
        expect(decodeFrame(within.subarray(offset, offset + bytes.length))).toEqual(sent);
      }),
    );
  });

  it('has a body of its own, not the bytes that the client will use again', () => {
    const bytes = encodeFrame({ kind: 'data', body: new Uint8Array([1, 2, 3]) });
    const { body } = decodeFrame(bytes);
    bytes.fill(0);
    expect([...body]).toEqual([1, 2, 3]);
  });

  it('is refused, and nothing worse, whatever the bytes are', () => {
    const shifted = fc.tuple(frame, fc.nat(400), fc.nat(255)).map(([sent, at, byte]) => {
      const bytes = encodeFrame({ ...sent, head: encodeLines(sent.lines) });
      bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), shifted), (bytes) => {
        try {
          // What passes can be made headers of.
          headersOf(decodeFrame(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['is too short', (bytes: Uint8Array) => bytes.subarray(0, frameHead.size - 1), 'at least'],
    ['is of another version', (bytes: Uint8Array) => bytes.fill(2, 0, 1), 'version 2'],
    ['is of no known kind', (bytes: Uint8Array) => bytes.fill(99, 1, 2), 'kind 99'],
    ['has flags that nobody knows', (bytes: Uint8Array) => bytes.fill(6, 2, 3), 'reserved'],
    ['has bits where none are', (bytes: Uint8Array) => bytes.fill(1, 3, 4), 'reserved'],
    ['says that its header is longer than it is itself', (bytes: Uint8Array) => bytes.fill(255, 16, 18), 'do not fit'],
  ])('that %s is refused', (_, spoil, why) => {
    expect(() => decodeFrame(spoil(encodeFrame({ kind: 'data', body: new Uint8Array(8) })))).toThrow(why);
  });

  it('has header lines that are headers, and not too many of them', () => {
    for (const head of ['no colon\n', 'name:no end', ':\n', 'Capital:1\n', 'na me:1\n', 'name:a\0b\n', 'name:a\rb\n', 'a:1\n'.repeat(257)])
      expect(() => decodeFrame(encodeFrame({ kind: 'request', head }))).toThrow(FrameError);
    const long = `x:${'y'.repeat(maxHeadBytes)}\n`;
    expect(() => decodeFrame(encodeFrame({ kind: 'request', head: long }))).toThrow('do not fit');
  });

  it('tells its own lines from headers', () => {
    const read = decodeFrame(
      encodeFrame({
        kind: 'response',
        head: encodeLines([
          ['a', '1'],
          [':replica', 'r'],
        ]),
      }),
    );
    expect(ownLine(read, ':replica')).toBe('r');
    expect(headerLines(read)).toEqual([['a', '1']]);
    expect([...headersOf(read)]).toEqual([['a', '1']]);
  });

  it('carries a code, and UNKNOWN for what is none', () => {
    expect(codeOf(decodeFrame(encodeFrame({ kind: 'reset', status: Code.NotFound })))).toBe(Code.NotFound);
    for (const status of [0, 17, 65_535]) expect(codeOf(decodeFrame(encodeFrame({ kind: 'reset', status })))).toBe(Code.Unknown);
  });
});
