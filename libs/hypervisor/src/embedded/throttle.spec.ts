import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ATTENTION_PAUSE, ATTENTION_THROTTLE, ControlBlock, word } from './control-block.ts';
import { Throttle } from './throttle.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Of so many milliseconds, those in which the guest was held back. */
function held(control: ControlBlock, ms: number): number {
  let count = 0;
  for (let at = 0; at < ms; at++) {
    if ((control.load(word.attention) & ATTENTION_THROTTLE) !== 0) count++;
    vi.advanceTimersByTime(1);
  }
  return count;
}

describe('a guest that is throttled', () => {
  it.each([0.7, 0.5, 0.1])('has %d of its time', (share) => {
    const control = new ControlBlock();
    const asked: boolean[] = [];
    const throttle = new Throttle(control, (now) => asked.push(now));
    throttle.set(share);
    expect(asked.at(-1)).toBe(true);
    expect(held(control, 1_000) / 1_000).toBeCloseTo(1 - share, 1);
    throttle.set(1);
    expect(asked.at(-1)).toBe(false);
    expect(held(control, 1_000)).toBe(0);
  });

  it('is held back again for as much as is said last, and a pause by somebody else stays', () => {
    const control = new ControlBlock();
    Atomics.or(control.words, word.attention, ATTENTION_PAUSE);
    const throttle = new Throttle(control, () => undefined);
    throttle.set(0.9);
    throttle.set(0.2);
    expect(held(control, 1_000)).toBeGreaterThan(700);
    throttle.set(1);
    expect(control.load(word.attention)).toBe(ATTENTION_PAUSE);
  });
});
