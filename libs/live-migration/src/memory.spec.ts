import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyRecords,
  BadStream,
  DirtyPages,
  encodeCluster,
  nextStep,
  pageBytes,
  RecordReader,
  TokenBucket,
  type ConvergencePolicy,
} from './index.ts';

const limitBytes = 64 * pageBytes;

/** Memory of a receiver, as a domain gives it: it grows, and begins with zeroes. */
class Receiver {
  memory = new Uint8Array(0);

  readonly grow = (bytes: number): Uint8Array => {
    if (bytes > this.memory.length) {
      const larger = new Uint8Array(bytes);
      larger.set(this.memory);
      this.memory = larger;
    }
    return this.memory;
  };
}

const write = fc.record({
  at: fc.nat(limitBytes - 1),
  content: fc.uint8Array({ minLength: 1, maxLength: 3 * pageBytes }),
  zero: fc.boolean(),
});
const options = fc.record({
  delta: fc.boolean(),
  compression: fc.constantFrom(0, 1),
  cluster: fc.constantFrom(1, 2, 8),
  piece: fc.constantFrom(7, 4_000, 1 << 20),
});

describe('memory that is moved in rounds', () => {
  it('is the same at the receiver after any writes, encodings and clusters', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(write, { maxLength: 4 }), { minLength: 1, maxLength: 5 }),
        options,
        (rounds, { cluster, piece, ...encoding }) => {
          const memory = new Uint8Array(limitBytes);
          const dirty = new DirtyPages(cluster * pageBytes);
          const receiver = new Receiver();
          const reader = new RecordReader(receiver.grow, limitBytes);
          let written = 0;
          for (const writes of rounds) {
            for (const { at, content, zero } of writes) memory.set((zero ? content.fill(0) : content).subarray(0, limitBytes - at), at);
            const expected = dirty.count(memory);
            let sent = 0;
            for (const found of dirty.scan(memory)) {
              sent += found.content.length / pageBytes;
              expect(found.content.length).toBeLessThanOrEqual(cluster * pageBytes);
              const records = Buffer.concat(encodeCluster(found, encoding));
              for (let at = 0; at < records.length; at += piece) reader.push(records.subarray(at, at + piece));
              reader.end();
              expect(reader.written).toBe((written += found.content.length));
            }
            expect(sent).toBe(expected);
            expect(dirty.count(memory)).toBe(0);
            receiver.grow(limitBytes);
            expect(Buffer.compare(receiver.memory, memory)).toBe(0);
          }
        },
      ),
    );
  });

  it('can be looked at in parts, each for itself', () => {
    const memory = new Uint8Array(limitBytes).fill(3, pageBytes, 20 * pageBytes);
    const dirty = new DirtyPages();
    const found = (first: number, end: number): string[] =>
      [...dirty.scan(memory, first * pageBytes, end * pageBytes)].map(
        ({ offset, content }) => `${String(offset / pageBytes)}+${String(content.length / pageBytes)}`,
      );
    expect(found(0, 16)).toEqual(['1+15']);
    expect(found(0, 16)).toEqual([]);
    expect(found(16, 64)).toEqual(['16+4']);
    expect(dirty.count(memory)).toBe(0);
  });

  it('costs little when a page changed a little, and nothing when it did not', () => {
    const memory = new Uint8Array(limitBytes).map((_, i) => (i * 31) ^ (i >>> 8));
    const dirty = new DirtyPages();
    for (const found of dirty.scan(memory)) encodeCluster(found, { delta: true, compression: 0 });
    memory[5 * pageBytes + 100] = 1;
    memory[9 * pageBytes] = 2;
    const records: Uint8Array[] = [];
    for (const found of dirty.scan(memory)) records.push(...encodeCluster(found, { delta: true, compression: 0 }));
    expect(records.map(({ length }) => length)).toEqual([24 + 8, 24 + 8]);
    expect([...dirty.scan(memory)]).toEqual([]);
  });

  it('finds what is written while it is sent with the next scan', () => {
    const memory = new Uint8Array(limitBytes).fill(1);
    const dirty = new DirtyPages(pageBytes);
    const receiver = new Receiver();
    let next = 0;
    for (const found of dirty.scan(memory)) {
      memory[(next++ * 7919) % limitBytes] = 99;
      applyRecords(Buffer.concat(encodeCluster(found, { delta: true, compression: 0 })), receiver.grow, limitBytes);
    }
    for (const found of dirty.scan(memory))
      applyRecords(Buffer.concat(encodeCluster(found, { delta: true, compression: 0 })), receiver.grow, limitBytes);
    expect(Buffer.compare(receiver.memory, memory)).toBe(0);
  });
});

describe('a receiver of pages', () => {
  it('refuses what is no stream of records, and never writes outside of memory', () => {
    const whole = (): Buffer => {
      const memory = new Uint8Array(4 * pageBytes).map((_, i) => i);
      return Buffer.concat([...new DirtyPages().scan(memory)].flatMap((found) => encodeCluster(found, { delta: false, compression: 1 })));
    };
    const random = fc.uint8Array({ maxLength: 200 });
    const damaged = fc.tuple(fc.nat(whole().length - 1), fc.nat(255), fc.nat(whole().length)).map(([at, value, length]) =>
      Buffer.from(whole())
        .fill(value, at, at + 1)
        .subarray(0, length),
    );
    fc.assert(
      fc.property(fc.oneof(random, damaged), (bytes) => {
        const receiver = new Receiver();
        try {
          applyRecords(bytes, receiver.grow, limitBytes);
        } catch (error) {
          expect(error).toBeInstanceOf(BadStream);
        }
        expect(receiver.memory.length).toBeLessThanOrEqual(limitBytes);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the end of pre-copy', () => {
  const policy: ConvergencePolicy = { downtimeMs: 10, mostRounds: 5, whenTooFast: 'suspend' };
  const round = (bytes: number, leftBytes: number) => ({ bytes, ms: 100, leftBytes });

  it('comes when the rest fits the downtime at the measured rate', () => {
    expect(nextStep([round(1000, 101)], 1, policy)).toEqual({ action: 'copy' });
    expect(nextStep([round(1000, 100)], 1, policy)).toEqual({ action: 'suspend', why: 'fits' });
  });

  it('comes for a guest that writes too fast, by policy, and never not at all', () => {
    const fast = [round(1000, 900), round(1000, 900)];
    expect(nextStep(fast, 1, policy)).toEqual({ action: 'suspend', why: 'too-fast' });
    expect(nextStep(fast, 1, { ...policy, whenTooFast: 'give-up' })).toMatchObject({ action: 'give-up' });
    expect(nextStep(fast, 1, { ...policy, whenTooFast: 'throttle' })).toEqual({ action: 'throttle', share: 0.7 });
    expect(nextStep(fast, 0.1, { ...policy, whenTooFast: 'throttle' })).toEqual({ action: 'suspend', why: 'too-fast' });
    fc.assert(
      fc.property(
        fc.array(fc.nat(5000), { minLength: 5 }),
        fc.constantFrom('suspend', 'throttle', 'give-up' as const),
        (lefts, whenTooFast) => {
          const next = nextStep(
            lefts.map((left) => round(1000, left)),
            1,
            { ...policy, whenTooFast: whenTooFast as 'suspend' },
          );
          expect(['suspend', 'give-up']).toContain(next.action);
        },
      ),
    );
  });
});

describe('a bandwidth limit', () => {
  it('lets no more through than it says, whatever the sizes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1 }), (sizes) => {
        let now = 0;
        const bucket = new TokenBucket(1_000_000, 10_000, now);
        let sent = 0;
        for (const size of sizes) {
          sent += size;
          now += bucket.take(size, now);
        }
        expect(now).toBeGreaterThanOrEqual((sent - 10_000) / 1000 - 1e-6);
        expect(now).toBeLessThanOrEqual(sent / 1000 + 1e-6);
      }),
    );
    expect(new TokenBucket(0, 1, 0).take(1e9, 0)).toBe(0);
  });
});
