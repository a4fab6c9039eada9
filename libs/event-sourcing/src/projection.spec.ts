import { describe, expect, it } from 'vitest';
import { createMemoryEventStore } from './memory-store.ts';
import { runProjection, type Projection } from './projection.ts';

const metadata = { actor: 'ada', tenant: 'physics' };
const counts: Projection<number> = {
  name: 'jobs',
  initial: 0,
  filter: { stream: 'job-*' },
  evolve: (count, { event }) => {
    if (event.type === 'Poison') throw new Error('cannot fold this');
    return count + 1;
  },
};

async function filled() {
  const store = createMemoryEventStore();
  const append = (stream: string, ...types: string[]) =>
    store.append([{ stream, expectedVersion: 'any', events: types.map((type) => ({ type, data: null })) }], { metadata });
  await append('job-1', 'A', 'B');
  return { store, append };
}

describe('a projection', () => {
  it('holds what was there when it starts, then what comes', async () => {
    const { store, append } = await filled();
    const runner = await runProjection(store, counts);
    expect(runner.state).toBe(2);
    await append('job-2', 'A');
    await append('vm-1', 'A');
    await runner.reached(await store.head());
    expect([runner.state, runner.position]).toEqual([3, 4n]);
    await runner.stop();
    await expect(runner.reached(99n)).rejects.toThrow('was stopped');
    await runner.done;
  });

  it('reads of a long log what it is shown, page by page, and misses nothing that comes meanwhile', async () => {
    const { store, append } = await filled();
    const many = Array.from({ length: 400 }, () => 'A');
    for (let round = 0; round < 30; round++) {
      await append('job-1', ...many);
      await append('vm-1', 'A');
    }
    let reads = 0;
    const readAll = store.readAll.bind(store);
    store.readAll = async (options) => {
      const page = await readAll(options);
      if (++reads < 5) await append('job-2', 'A');
      return page;
    };
    const runner = await runProjection(store, counts);
    expect(reads).toBe(3);
    await runner.reached(await store.head());
    expect(runner.state).toBe(2 + 30 * 400 + 3);
    await runner.stop();
    await append('job-1', 'Poison');
    await expect(runProjection(store, counts)).rejects.toThrow(/the projection jobs failed after position/);
  });

  it('continues from a snapshot and tells its listeners what it saw', async () => {
    const { store, append } = await filled();
    const runner = await runProjection(store, counts, { from: { state: 10, position: 1n } });
    const seen: number[] = [];
    const silence = runner.onChange((state) => seen.push(state));
    await append('job-2', 'A');
    await runner.reached(3n);
    silence();
    await append('job-2', 'B');
    await runner.reached(4n);
    expect([runner.state, seen]).toEqual([13, [12]]);
    await runner.stop();
  });

  it('fails loudly, for all who wait, when an event cannot be folded', async () => {
    const { store, append } = await filled();
    const runner = await runProjection(store, counts);
    const waiting = expect(runner.reached(9n)).rejects.toThrow('the projection jobs failed after position 2');
    await append('job-1', 'Poison');
    await waiting;
    await expect(runner.done).rejects.toThrow('jobs failed');
    await expect(runner.reached(3n)).rejects.toThrow('jobs failed');
  });

  it('stops waiting when the one who waits gives up', async () => {
    const { store } = await filled();
    const runner = await runProjection(store, counts);
    const giveUp = new AbortController();
    const waiting = expect(runner.reached(9n, giveUp.signal)).rejects.toThrow('enough');
    giveUp.abort(new Error('enough'));
    await waiting;
    await runner.stop();
  });
});
