import { describe, expect, it } from 'vitest';
import { verdict, type Sample } from './endured.ts';

/** Twenty samples of a process, by the number of the sample. */
const samples = (of: (index: number) => Partial<{ moveMs: number; mib: number; threads: number; files: number }>): Sample[] =>
  Array.from({ length: 20 }, (_, index) => {
    const { moveMs = 300, mib = 250, threads = 12, files = 40 } = of(index);
    return { moves: 50 * index, moveMs, processes: { 'node-0': { mib, threads, files } } };
  });

describe('a VM that moves again and again', () => {
  it('leaves nothing behind when all goes up and down', () => {
    expect(
      verdict(samples((index) => ({ mib: 250 + 30 * (index % 3), threads: 12 + (index % 2), moveMs: 300 + 90 * (index % 2) }))),
    ).toEqual([]);
  });

  it('leaves nothing behind when memory grows at the beginning only', () => {
    expect(verdict(samples((index) => ({ mib: 200 + 40 * Math.min(index, 5) })))).toEqual([]);
  });

  it.each<[string, (index: number) => Partial<{ moveMs: number; mib: number; threads: number; files: number }>]>([
    ['MiB of node-0: 285 became 335', (index) => ({ mib: 250 + 5 * index })],
    ['threads of node-0: 19 became 29', (index) => ({ threads: 12 + index })],
    ['open files of node-0: 47 became 57', (index) => ({ files: 40 + index })],
    ['milliseconds of a move: 440 became 720', (index) => ({ moveMs: 300 + 20 * index + (index > 9 ? 80 : 0) })],
  ])('tells of %s', (told, of) => {
    expect(verdict(samples(of))).toEqual([told]);
  });
});
