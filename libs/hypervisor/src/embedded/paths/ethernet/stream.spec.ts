import { describe, expect, it } from 'vitest';
import { segmentBytes } from './frame.ts';
import { Stream, windowSegments } from './stream.ts';

/** Numbers below `limit`, the same for each seed (mulberry32). */
function diceOf(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

interface Sent {
  readonly number: number;
  readonly payload: Uint8Array;
}

/** Moves `text` from one end to the other over a wire that loses, repeats and reorders one frame in `odds`. */
function carry(seed: number, text: Uint8Array, odds: number): { readonly arrived: Uint8Array; readonly rounds: number } {
  const dice = diceOf(seed);
  const [from, to] = [new Stream(), new Stream()];
  const arrived = new Uint8Array(text.length);
  let [written, read, rounds, nowMs] = [0, 0, 0, 0];
  for (; read < text.length && rounds < 100_000; rounds++) {
    nowMs += 50;
    written += from.write(text.subarray(written, written + 1 + dice(5 * segmentBytes)));
    from.expired(nowMs);
    const wire: Sent[] = [];
    while (from.mayTransmit) wire.push({ number: from.number, payload: from.transmit(nowMs).slice() });
    expect(wire.length).toBeLessThanOrEqual(windowSegments);
    for (const frame of wire.flatMap((each) => (dice(odds) > 0 ? [each] : dice(2) === 0 ? [] : [each, each])))
      to.accept(frame.number, frame.payload);
    read += to.read(arrived.subarray(read, read + 1 + dice(4 * segmentBytes)));
    const { ack, granted } = to.tell(1 + dice(windowSegments));
    if (dice(odds) > 0) from.acknowledged(ack, granted, nowMs);
  }
  return { arrived, rounds };
}

describe('a stream over Ethernet', () => {
  it.each([1, 2, 3, 4, 5])('brings every byte, once and in order, however many frames are lost (seed %i)', (seed) => {
    const dice = diceOf(seed + 100);
    const text = Uint8Array.from({ length: 200_000 }, () => dice(256));
    expect(Buffer.compare(carry(seed, text, 4).arrived, text)).toBe(0);
  });

  it('needs no time-out when nothing is lost', () => {
    const text = new Uint8Array(100_000).fill(7);
    expect(carry(9, text, 1_000_000).rounds).toBeLessThan(200);
  });

  it('sends nothing that was not granted, and asks when it may not send for long', () => {
    const stream = new Stream();
    expect(stream.write(new Uint8Array(1_000_000))).toBe(windowSegments * segmentBytes);
    let sent = 0;
    while (stream.mayTransmit) {
      stream.transmit(0);
      sent++;
    }
    expect(sent).toBe(8);
    stream.acknowledged(8, 8, 10);
    expect(stream.mayTransmit).toBe(false);
    expect(stream.expired(100)).toBe(false);
    expect(stream.expired(300)).toBe(true);
    stream.acknowledged(8, 9, 310);
    expect(stream.mayTransmit).toBe(true);
  });

  it('believes no number that cannot be', () => {
    const stream = new Stream();
    stream.write(new Uint8Array(3 * segmentBytes));
    stream.transmit(0);
    for (const ack of [4, 1000, -1, 0x7fff_ffff]) stream.acknowledged(ack, ack, 0);
    expect([stream.number, stream.outstanding]).toEqual([1, true]);
    stream.acknowledged(0, 0x7fff_0000, 0);
    while (stream.mayTransmit) stream.transmit(0);
    expect(stream.number).toBe(3);
    expect([1, -1, windowSegments, 0x7fff_ffff].map((number) => stream.accept(number, new Uint8Array(1)))).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(stream.accept(0, new Uint8Array(segmentBytes + 1))).toBe(false);
  });
});
