import { describe, expect, it } from 'vitest';
import { Admission } from './admission.ts';

const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Asks for a place, and writes its name down when it has it. */
function asks(admission: Admission, order: string[], name: string, nodeIds: readonly string[], signal = never): Promise<() => void> {
  return admission.enter(nodeIds, signal).then((leave) => {
    order.push(name);
    return leave;
  });
}

describe('migrations at a time', () => {
  it('are so many at a node, as source or target; others go past those that wait', async () => {
    const admission = new Admission({ perNode: 1, inAll: 10 });
    const order: string[] = [];
    const first = asks(admission, order, 'a to b', ['a', 'b']);
    const second = asks(admission, order, 'c to b', ['c', 'b']);
    const third = asks(admission, order, 'c to d', ['c', 'd']);
    await settled();
    expect(order).toEqual(['a to b', 'c to d']);
    expect(admission.obstacle(['c', 'b'])).toMatch(/^c has a part in 1 migrations/);
    (await third)();
    await settled();
    expect(order).toHaveLength(2);
    const leave = await first;
    leave();
    leave();
    await second;
    expect(order.at(-1)).toBe('c to b');
    (await second)();
    expect(admission.obstacle(['a', 'b'])).toBeUndefined();
  });

  it('are so many in all, in the order in which they came', async () => {
    const admission = new Admission({ perNode: 10, inAll: 2 });
    const order: string[] = [];
    const leaves = ['1', '2', '3', '4', '5'].map((name) => asks(admission, order, name, ['a', 'b']));
    for (const leave of leaves) (await leave)();
    expect(order).toEqual(['1', '2', '3', '4', '5']);
  });

  it('that are taken back while they wait free nobody else’s place, and take none', async () => {
    const admission = new Admission({ perNode: 1, inAll: 1 });
    const order: string[] = [];
    const stop = new AbortController();
    const first = await asks(admission, order, '1', ['a']);
    const second = asks(admission, order, '2', ['a'], stop.signal);
    const third = asks(admission, order, '3', ['a']);
    stop.abort(new Error('taken back'));
    await expect(second).rejects.toThrow('taken back');
    await expect(asks(admission, order, '4', ['a'], stop.signal)).rejects.toThrow('taken back');
    first();
    (await third)();
    expect(order).toEqual(['1', '3']);
    expect(admission.obstacle(['a'])).toBeUndefined();
  });
});
