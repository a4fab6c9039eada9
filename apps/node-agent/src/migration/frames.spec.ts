import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadFrame, encodeFrame, FrameDecoder, frameKinds, numberOf, withNumber, type Frame, type FrameKind } from './frames.ts';
import { decodeEntry, decodeMoving, encodeEntry, encodeMoving, type MovingState } from './moving-state.ts';
import { decodeState, encodeState } from './state-json.ts';

const kinds = Object.keys(frameKinds) as FrameKind[];
const frames = fc.array(fc.record({ kind: fc.constantFrom(...kinds), payload: fc.uint8Array({ maxLength: 200 }) }), { maxLength: 8 });

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const points = [0, ...at.map((point) => point % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return points.slice(1).map((end, index) => bytes.slice(points[index], end));
}

/** Frames with their payloads; pages that follow each other as one, since they come in any number of pieces. */
function inOrder(all: readonly Frame[]): string[] {
  const told: string[] = [];
  for (const { kind, payload } of all) {
    const text = Buffer.from(payload).toString('hex');
    if (kind === 'pages' && told.at(-1)?.startsWith('pages ') === true) told[told.length - 1] += text;
    else told.push(`${kind} ${text}`);
  }
  return told;
}

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(2_000), { maxLength: 12 }), (sent, at) => {
        const decoder = new FrameDecoder();
        const got: Frame[] = [];
        for (const piece of cut(Buffer.concat(sent.map(encodeFrame)), at)) got.push(...decoder.push(piece));
        expect(inOrder(got)).toEqual(inOrder(sent));
        expect(decoder.empty).toBe(true);
      }),
    );
  });

  it('of an unknown kind, or too long, are refused before they are there', () => {
    const decode = (...bytes: number[]): Frame[] => [...new FrameDecoder(64).push(Uint8Array.from(bytes))];
    expect(() => decode(1, 0, 0, 0, 99)).toThrow(BadFrame);
    expect(() => decode(0, 0, 0, 0, 1)).toThrow(BadFrame);
    expect(() => decode(66, 0, 0, 0, 2)).toThrow(BadFrame);
    expect(() => decode(255, 255, 255, 255, 2)).toThrow(BadFrame);
    expect(decode(65, 0, 0, 0, 2)).toEqual([]);
  });

  it('of arbitrary bytes are frames or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        try {
          for (const { payload } of new FrameDecoder(256).push(bytes)) expect(payload.length).toBeLessThanOrEqual(256);
        } catch (error) {
          expect(error).toBeInstanceOf(BadFrame);
        }
      }),
    );
  });

  it('carry numbers up to what can be counted with', () => {
    expect(numberOf(withNumber(2 ** 40, Uint8Array.of(1)))).toBe(2 ** 40);
    expect(() => numberOf(new Uint8Array(7))).toThrow(BadFrame);
    expect(() => numberOf(new Uint8Array(8).fill(255))).toThrow(BadFrame);
  });
});

describe('a state', () => {
  it('is the same after its journey, with large numbers and bytes', () => {
    const state = { a: 1n << 63n, b: Uint8Array.of(0, 255), c: [{ d: -1n }], e: 'text', f: null, g: 1.5 };
    expect(decodeState(encodeState(state))).toEqual(state);
  });

  it('that is no JSON, or nested without end, is refused', () => {
    expect(() => decodeState(Uint8Array.of(0xff))).toThrow(BadFrame);
    expect(() => decodeState(new TextEncoder().encode('['.repeat(50) + ']'.repeat(50)))).toThrow(BadFrame);
  });

  const of = { imageDigest: 'sha256:0', jobId: 'job-1', rank: 1 };
  const program = { ...of, size: 2, pkey: 1, args: ['a'], env: {}, scratchBytes: 1, outputLimitBytes: 1, memoryBytes: 65_536 };
  const moving = { program, atSafepoint: true, output: { stdout: 5n, stderr: 0n }, inputs: [['a.txt', '5@1']] } as unknown as MovingState;

  it('of another rank, or without what this node needs, is refused', () => {
    expect(decodeMoving(encodeMoving(moving), of)).toEqual(moving);
    expect(() => decodeMoving(encodeMoving(moving), { ...of, rank: 0 })).toThrow(BadFrame);
    for (const lacking of [
      { output: {} },
      { inputs: 1 },
      { atSafepoint: 1 },
      { program: { ...program, memoryBytes: -1 } },
      { program: { ...program, args: [1] } },
    ])
      expect(() => decodeMoving(encodeState({ ...moving, ...lacking }), of), JSON.stringify(lacking)).toThrow(BadFrame);
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => decodeMoving(encodeState(value), of)).toThrow(BadFrame);
      }),
    );
  });

  it.each([[['..']], [['a/b']], [[]], [['']], [['a\0']]])('has no file named %j', (path) => {
    const entry = { place: 'scratch', path: ['a', 'b'], kind: 'file', size: 3, modifiedMs: 1 } as const;
    expect(decodeEntry(encodeEntry({ ...entry }))).toEqual(entry);
    expect(() => decodeEntry(encodeEntry({ ...entry, path }))).toThrow(BadFrame);
    expect(() => decodeEntry(encodeEntry({ ...entry, size: -1 }))).toThrow(BadFrame);
  });
});
