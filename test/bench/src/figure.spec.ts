import { describe, expect, it } from 'vitest';
import { judge, median, run, type Figure } from './figure.ts';
import { report } from './report.ts';

function figure(ours: number[], peer: number[] | undefined, extra: Partial<Figure> = {}): Figure {
  const next = (values: number[]) => async () => values.shift() ?? Number.NaN;
  return {
    name: 'latency',
    unit: 'us',
    ours: { name: 'verbena', measure: next(ours) },
    peer: { name: 'peer', measure: peer && next(peer), missing: 'apt-get install peer' },
    smallerIsBetter: true,
    floor: 2,
    aim: 1,
    rounds: ours.length,
    ...extra,
  };
}

describe('a figure', () => {
  it('takes the median, which one slow run does not move', () => {
    expect(median([3, 1, 900])).toBe(3);
    expect(median([1, 2, 3, 4])).toBe(2.5);
  });

  it('measures both sides in turn and compares their medians', async () => {
    const order: string[] = [];
    const side = (name: string) => async () => order.push(name);
    await run({ ...figure([1, 1], [1, 1]), ours: { name: 'ours', measure: side('ours') }, peer: { name: 'peer', measure: side('peer') } });
    expect(order).toEqual(['peer', 'ours', 'peer', 'ours']);
    expect(judge(await run(figure([3, 4, 5], [2, 2, 90])))).toEqual({ ratio: 2, verdict: 'floor' });
  });

  it.each([
    [0.9, 'aim'],
    [1.5, 'floor'],
    [2.1, 'below'],
  ])('calls a ratio of %f "%s" where smaller is better', async (value, verdict) => {
    expect(judge(await run(figure([value], [1]))).verdict).toBe(verdict);
  });

  it('turns the comparison around where larger is better', async () => {
    const larger = { smallerIsBetter: false, floor: 1, aim: 2.5 };
    expect(judge(await run(figure([3], [1], larger))).verdict).toBe('aim');
    expect(judge(await run(figure([0.5], [1], larger))).verdict).toBe('below');
  });

  it('fails alone when a measurement goes wrong, and says so', async () => {
    const broken = { name: 'verbena', measure: () => Promise.reject(new Error('out of memory')) };
    const result = await run({ ...figure([1], [1]), ours: broken });
    expect(judge(result).verdict).toBe('failed');
    expect(report([result])).toMatch(/FAILED[^]*failed: latency: out of memory/);
  });

  it('can hold ours to a plain number instead of a ratio', async () => {
    expect(judge(await run(figure([4000], [500], { floor: { absolute: 5000 } }))).verdict).toBe('floor');
  });

  it('says what to install when a side is missing, and measures nothing', async () => {
    const result = await run(figure([1], undefined));
    expect(judge(result).verdict).toBe('skipped');
    expect(report([result])).toContain('skipped: latency: apt-get install peer');
  });
});
