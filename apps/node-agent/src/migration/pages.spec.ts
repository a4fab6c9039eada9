import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isConverged, PageSender } from './pages.ts';

const never = new AbortController().signal;
const shared = (bytes: number): Uint8Array<SharedArrayBuffer> => new Uint8Array(new SharedArrayBuffer(bytes));

describe('pages', () => {
  it('are sent until both sides are the same, whatever is written between rounds', async () => {
    const writes = fc.array(fc.array(fc.tuple(fc.nat(64 * 4096 - 1), fc.integer({ min: 1, max: 255 })), { maxLength: 30 }), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(writes, async (rounds) => {
        const [here, there] = [shared(64 * 4096), shared(64 * 4096)];
        const sender = new PageSender();
        for (const round of rounds) {
          for (const [at, value] of round) here[at] = value;
          const pages = new Set(round.map(([at]) => at >> 12)).size;
          const { pages: sent, bytes } = await sender.round(here, (at, content) => Promise.resolve(there.set(content, at)), never);
          expect(sent).toBeLessThanOrEqual(pages);
          expect(bytes).toBe(sent * 4096);
          expect(Buffer.from(there).equals(Buffer.from(here))).toBe(true);
          expect(sender.left(here)).toBe(0);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('that were never written cost nothing, and neighbours travel together', async () => {
    const memory = shared(1 << 20);
    memory.fill(1, 8192, 8192 + 3 * 4096);
    const sent: [number, number][] = [];
    await new PageSender().round(memory, (at, content) => Promise.resolve(void sent.push([at, content.length])), never);
    expect(sent).toEqual([[8192, 3 * 4096]]);
  });

  it('are counted and sent also where the memory has grown', async () => {
    const sender = new PageSender();
    const there = shared(3 << 16);
    await sender.round(shared(1 << 16), () => Promise.resolve(), never);
    const grown = shared(2 << 16).fill(7, 1 << 16);
    expect(sender.left(grown)).toBe(16);
    await sender.round(grown, (at, content) => Promise.resolve(there.set(content, at)), never);
    expect(there.subarray(0, 2 << 16)).toEqual(grown);
  });

  it('end when the rest fits, when rounds do not shrink, or after enough of them', () => {
    const bounds = { downtimeMs: 50, mostRounds: 10 };
    const sent = { pages: 1000, bytes: 4_096_000, ms: 100 };
    expect(isConverged(1, sent, 0, bounds)).toBe(true);
    expect(isConverged(1, sent, 400, bounds)).toBe(true);
    expect(isConverged(1, sent, 900, bounds)).toBe(false);
    expect(isConverged(2, sent, 1000, bounds)).toBe(true);
    expect(isConverged(10, sent, 900, bounds)).toBe(true);
  });
});
