import { describe, expect, it } from 'vitest';
import { Lids } from './lids.ts';

describe('LIDs', () => {
  it('are given from 1 on, and stay with their node', () => {
    const lids = new Lids();
    expect(['a', 'b', 'a', 'c', 'b'].map((node) => lids.claim(node, 0))).toEqual([1, 2, 1, 3, 2]);
  });

  it('follow a wish that nobody has been granted, and no impossible one', () => {
    const lids = new Lids();
    expect([lids.claim('a', 7), lids.claim('b', 7), lids.claim('c', 0xc000), lids.claim('d', 1.5)]).toEqual([7, 1, 2, 3]);
  });

  it('are never given twice, and run out with an error', () => {
    const lids = new Lids();
    for (let i = 1; i <= 0xbfff; i++) lids.claim(`node-${String(i)}`, 0);
    expect(() => lids.claim('one-too-many', 0)).toThrow('are taken');
  });
});
