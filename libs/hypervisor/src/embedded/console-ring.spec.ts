import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConsoleReader, ConsoleWriter, createConsoleRing, type ConsoleStream } from './console-ring.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the console ring', () => {
  it('delivers every byte in its stream’s order, whatever the sizes, around the end of the ring and past 2^32', async () => {
    const piece = fc.record({ stream: fc.constantFrom<ConsoleStream>('stdout', 'stderr'), length: fc.nat(1500), pause: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), fc.integer({ min: -4096, max: 4096 }), async (pieces, start) => {
        const shared = createConsoleRing(4096);
        // Both counters start near the point where they wrap.
        new Int32Array(shared, 0, 2).fill((start * 4) | 0);
        const got = { stdout: [] as number[], stderr: [] as number[] };
        const sent = { stdout: [] as number[], stderr: [] as number[] };
        const reader = new ConsoleReader(shared, (stream, data) => void got[stream].push(...data));
        const writer = new ConsoleWriter(shared, () => {
          throw new Error('full');
        });
        let next = 0;
        for (const { stream, length, pause } of pieces) {
          const data = Uint8Array.from({ length }, () => next++ & 255);
          try {
            writer.write(stream, data);
            sent[stream].push(...data);
          } catch {
            await turn();
          }
          if (pause) await turn();
        }
        await reader.finish();
        expect(got).toEqual(sent);
      }),
      { numRuns: 60 },
    );
  });

  it('joins neighbours of one stream, and keeps streams apart', async () => {
    const shared = createConsoleRing();
    const writer = new ConsoleWriter(shared);
    for (const [stream, text] of [
      ['stdout', 'a'],
      ['stdout', 'b'],
      ['stderr', 'c'],
      ['stdout', 'd'],
    ] as const)
      writer.write(stream, Buffer.from(text));
    const got: string[] = [];
    await new ConsoleReader(shared, (stream, data) => void got.push(`${stream}:${Buffer.from(data).toString()}`)).finish();
    expect(got).toEqual(['stdout:ab', 'stderr:c', 'stdout:d']);
  });

  it('asks to wait when there is no space, and goes on when there is', async () => {
    const shared = createConsoleRing(4096);
    let waits = 0;
    let text = '';
    const reader = new ConsoleReader(shared, (_stream, data) => void (text += Buffer.from(data).toString()));
    const writer = new ConsoleWriter(shared, () => {
      waits++;
      throw new Error('killed while waiting');
    });
    writer.write('stdout', Buffer.alloc(4000, 'x'));
    expect(() => writer.write('stdout', Buffer.alloc(200, 'y'))).toThrow('killed while waiting');
    while (text === '') await turn();
    writer.write('stdout', Buffer.alloc(200, 'z'));
    await reader.finish();
    expect(waits).toBe(1);
    expect(text).toBe('x'.repeat(4000) + 'z'.repeat(200));
  });

  it('calls the handler one at a time, and keeps what it threw', async () => {
    const shared = createConsoleRing();
    const writer = new ConsoleWriter(shared);
    let running = 0;
    let calls = 0;
    const reader = new ConsoleReader(shared, async () => {
      expect(++running).toBe(1);
      await turn();
      running--;
      if (++calls === 2) throw new Error('no space');
    });
    for (let i = 0; i < 4; i++) {
      writer.write(i % 2 === 0 ? 'stdout' : 'stderr', Buffer.from('line\n'));
      while (calls + running < Math.min(i + 1, 2)) await turn();
    }
    await reader.finish();
    expect(calls).toBe(2);
    expect(reader.failure).toMatchObject({ message: 'no space' });
  });

  it('refuses sizes that its counters cannot wrap around', () => {
    expect(() => createConsoleRing(5000)).toThrow(/power of two/);
  });
});
