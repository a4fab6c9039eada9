import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { collector, Retired } from './collect-garbage.ts';

it('takes the collector from no other thread that is about to ask for it', () => {
  collector()();
  expect(runInNewContext('typeof gc')).toBe('function');
});

const mib = 1024 * 1024;

describe('memories of guests that have ended', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A thread alone with its guests: what they touched goes when it collects. */
  function alone() {
    const process = { live: 300 * mib, garbage: 0, collections: 0 };
    const collect = (): void => {
      process.garbage = 0;
      process.collections++;
    };
    const retired = new Retired({ collect, resident: () => process.live + process.garbage });
    const end = (touched: number, size: number): void => {
      process.garbage += touched;
      retired.add(size);
      vi.advanceTimersByTime(1_000);
    };
    return { process, end, retired };
  }

  it('are collected by what was touched of them, and not by what they might have', () => {
    const { process, end } = alone();
    for (let guest = 0; guest < 120; guest++) end(mib, 64 * mib);
    expect(process.collections).toBe(0);
    for (let guest = 0; guest < 120; guest++) end(mib, 64 * mib);
    expect(process.collections).toBe(1);
    expect(process.garbage).toBeLessThan(130 * mib);
  });

  it('are collected at once when they were large, one after the other', () => {
    const { process, end } = alone();
    for (let guest = 1; guest <= 3; guest++) {
      end(1024 * mib, 1024 * mib);
      expect(process).toMatchObject({ garbage: 0, collections: guest });
    }
  });

  it('are not collected again and again because a process has grown for other reasons', () => {
    const { process, end } = alone();
    process.live += 1024 * mib;
    for (let guest = 0; guest < 120; guest++) end(mib / 2, 64 * mib);
    expect(process.collections).toBe(1);
  });

  it('count from what is left when other threads have collected as well', () => {
    let resident = 300 * mib;
    let collections = 0;
    const retired = new Retired({ collect: () => collections++, resident: () => resident });
    for (let guest = 1; guest <= 3; guest++) {
      resident += 256 * mib;
      retired.add(256 * mib);
      // The other thread is a little later than this one.
      vi.advanceTimersByTime(60);
      resident = 300 * mib;
      vi.advanceTimersByTime(1_000);
      expect(collections).toBe(guest);
    }
  });
});
