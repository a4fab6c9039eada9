import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { merged, OutputPump, type OutputPiece } from './output-pump.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** What storage would hold: pieces may only continue where the stream ends. */
function storageOf(pieces: readonly OutputPiece[]): Map<string, string> {
  const streams = new Map<string, string>();
  for (const { rank, stream, offset, data } of pieces) {
    const key = `${String(rank)}/${stream}`;
    const before = streams.get(key) ?? '';
    expect(Number(offset)).toBe(before.length);
    streams.set(key, before + new TextDecoder('latin1').decode(data));
  }
  return streams;
}

describe('output pump', () => {
  it('brings every byte of every rank in order, whatever the sizes and however slow storage is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            fc.integer({ min: 0, max: 3 }),
            fc.constantFrom('stdout' as const, 'stderr' as const),
            fc.stringMatching(/^[a-z]{0,40}$/),
          ),
          {
            maxLength: 60,
          },
        ),
        async (writes) => {
          const stored: OutputPiece[] = [];
          const pump = new OutputPump(async (pieces) => {
            await new Promise((resolve) => setImmediate(resolve));
            stored.push(...pieces);
          });
          const expected = new Map<string, string>();
          for (const [rank, stream, value] of writes) {
            await pump.write(rank, stream, text(value));
            const key = `${String(rank)}/${stream}`;
            if (value !== '') expected.set(key, (expected.get(key) ?? '') + value);
          }
          for (const rank of [0, 1, 2, 3]) await pump.drained(rank);
          expect(storageOf(stored)).toEqual(expected);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('holds a rank back that writes faster than storage takes, and no other rank', async () => {
    const gate = Promise.withResolvers<void>();
    const pump = new OutputPump(() => gate.promise);
    const held = pump.write(0, 'stdout', new Uint8Array(300 * 1024));
    expect(held).toBeInstanceOf(Promise);
    expect(pump.write(1, 'stdout', text('hello'))).toBeUndefined();
    gate.resolve();
    await held;
    expect(pump.queuedBytes(0)).toBe(0);
  });

  it('says what went wrong when storage refuses, and lets the guest go on', async () => {
    const pump = new OutputPump(() => Promise.reject(new Error('disk full')));
    await pump.write(0, 'stdout', text('lost'));
    await pump.drained(0);
    expect(pump.failure).toBe('disk full');
    expect(pump.write(0, 'stdout', text('more'))).toBeUndefined();
  });

  it('copies what it is given, since the console ring is used again', async () => {
    const stored: OutputPiece[] = [];
    const pump = new OutputPump((pieces) => {
      stored.push(...pieces);
      return Promise.resolve();
    });
    const buffer = text('first');
    void pump.write(0, 'stdout', buffer);
    buffer.fill(0);
    await pump.drained(0);
    expect(new TextDecoder().decode(stored[0]?.data)).toBe('first');
  });

  it('joins neighbours of one stream and leaves the rest as it is', () => {
    const piece = (rank: number, offset: number, value: string): OutputPiece => ({
      rank,
      stream: 'stdout',
      offset: BigInt(offset),
      data: text(value),
    });
    const joined = merged([piece(0, 0, 'a'), piece(0, 1, 'b'), piece(1, 0, 'x'), piece(0, 2, 'c')]);
    expect(joined.map(({ rank, offset, data }) => [rank, offset, new TextDecoder().decode(data)])).toEqual([
      [0, 0n, 'ab'],
      [1, 0n, 'x'],
      [0, 2n, 'c'],
    ]);
  });
});
