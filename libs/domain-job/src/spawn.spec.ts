import fc from 'fast-check';
import { expect, it } from 'vitest';
import { grantedCounts } from './spawn.ts';

it('gives all that is asked for, or none', () => {
  expect(grantedCounts([{ most: 3, soft: '' }], 3)).toEqual([3]);
  expect(grantedCounts([{ most: 3, soft: '' }], 2)).toBeUndefined();
  const two = [
    { most: 2, soft: '' },
    { most: 3, soft: '' },
  ];
  expect(grantedCounts(two, 5)).toEqual([2, 3]);
  expect(grantedCounts(two, 4)).toBeUndefined();
});

it('gives the largest number that is good enough', () => {
  const soft = (text: string, free: number) => grantedCounts([{ most: 20, soft: text }], free);
  expect(soft('0:20', 7)).toEqual([7]);
  expect(soft('2:20:3', 13)).toEqual([11]);
  expect(soft('20:2:-6', 13)).toEqual([8]);
  expect(soft('1,3,9', 8)).toEqual([3]);
  expect(soft('9,what,4', 8)).toEqual([4]);
  expect(soft('16', 8)).toBeUndefined();
  expect(soft('0', 8)).toBeUndefined();
  expect(soft('5:1', 8)).toBeUndefined();
});

it('gives what a count through the set gives, whatever the set', () => {
  const number = fc.integer({ min: 0, max: 40 });
  const part = fc.tuple(number, number, fc.integer({ min: -5, max: 5 }));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), number, number, (parts, most, free) => {
      const set = parts.flatMap(([from, to, step]) => {
        const members: number[] = [];
        for (let n = from; step !== 0 && (step > 0 ? n <= to : n >= to); n += step) members.push(n);
        return members;
      });
      const best = Math.max(...set.filter((n) => n <= Math.min(most, free)));
      const soft = parts.map((triple) => triple.join(':')).join();
      expect(grantedCounts([{ most, soft }], free)).toEqual(best > 0 ? [best] : undefined);
    }),
  );
});
