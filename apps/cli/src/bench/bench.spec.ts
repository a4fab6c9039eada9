import { describe, expect, it } from 'vitest';
import { barChart } from './charts.ts';
import { cellsOf, readPoints, type Results, type Run } from './experiments.ts';
import { findings } from './findings.ts';
import { htmlReport } from './report.ts';
import { bestPoints, bestSeconds, failedOn, ratioToNative, splitOf } from './results.ts';

const machine = { cpu: 'a <fast> one', cores: 2, memoryBytes: 2 ** 33, node: 'v24', when: '2026-11-21' };
const plan = {
  ...{ paths: ['native', 'bypass', 'split'], rounds: 2, batchMs: 10, classes: { IS: 'S' }, kernels: ['IS', 'EP'], ranks: 2 },
  ...{ hplOrder: 100, hplRanks: [1, 2], minutes: 5, cellSeconds: 60 },
};
const vm = { imageBytes: 1000, memoryBytes: 9_000_000, cold: { boot: 0.2 }, warm: {} };
const results = (runs: readonly Run[]): Results => ({ machine, loadBefore: 0.5, plan, vm, runs });
const micro = (path: string, round: number, lines: string): Run => ({
  ...{ experiment: 'micro', path, round, job: 'job-1' },
  points: readPoints(lines),
});
const is = (path: string, seconds: number): Run => ({
  ...{ experiment: 'nas-IS', path, round: 1, job: 'job-2', seconds },
  split: { guest: 9, vmm: 1, adapter: 0, 'driver-domain': 0, idle: 30 },
});

describe('figures of a benchmark', () => {
  it('are read from lines of three words, and nothing else is one', () => {
    expect(readPoints('latency 8 0.25\nhello\nrank 0: 3 x\nrate 8 1e6\nlatency 8 nan')).toEqual([
      { figure: 'latency', bytes: 8, value: 0.25 },
      { figure: 'rate', bytes: 8, value: 1e6 },
    ]);
  });

  it('are the best of all rounds: the least time, the most bandwidth', () => {
    const all = results([micro('bypass', 1, 'latency 8 2\nbandwidth 8 5'), micro('bypass', 2, 'latency 8 1\nbandwidth 8 4')]);
    expect(bestPoints(all, 'micro', 'bypass', 'latency')).toEqual([{ figure: 'latency', bytes: 8, value: 1 }]);
    expect(bestPoints(all, 'micro', 'bypass', 'bandwidth')).toEqual([{ figure: 'bandwidth', bytes: 8, value: 5 }]);
    expect(bestPoints(all, 'micro', 'native', 'latency')).toEqual([]);
    expect(bestSeconds(results([is('split', 2), is('split', 1.5)]), 'nas-IS', 'split')).toBe(1.5);
  });

  it('of time leave out sleep, and add up to 100', () => {
    const split = splitOf(results([is('bypass', 1)]), 'IS', 'bypass') ?? {};
    expect(split).toEqual({ guest: 90, vmm: 10, adapter: 0, 'driver-domain': 0 });
    expect(splitOf(results([]), 'IS', 'bypass')).toBeUndefined();
  });
});

describe('the cells of a benchmark', () => {
  it('are every experiment on every path in turn, and all of a round before the next', () => {
    const cells = cellsOf({ ...plan, paths: ['native', 'bypass'] });
    const round = (number: number, names: readonly string[]): string[] =>
      names.flatMap((name) => [`${name} native ${number}`, `${name} bypass ${number}`]);
    expect(cells.map(({ experiment, path, round: number }) => `${experiment} ${path} ${number}`)).toEqual([
      ...round(1, ['micro', 'no-cache', 'nas-IS', 'nas-EP', 'hpl-1', 'hpl-2']),
      ...round(2, ['micro', 'nas-IS', 'nas-EP', 'hpl-1', 'hpl-2']),
    ]);
  });

  it('do not take a program for good that did not verify its result', () => {
    const [nas] = cellsOf(plan).filter(({ experiment }) => experiment === 'nas-IS');
    expect(() => nas?.read('IS class S on 2 ranks: 0.010 s, 1.00 Mop/s\nIS class S: VERIFICATION FAILED')).toThrow('did not verify');
    expect(nas?.read('IS class S on 2 ranks: 0.010 s, 1.00 Mop/s\nIS class S: VERIFICATION SUCCESSFUL')).toEqual({ seconds: 0.01 });
  });

  it('have failed on a path only when no round succeeded', () => {
    const failed = { experiment: 'nas-EP', path: 'split', round: 1, job: '', failed: 'it did not verify' };
    expect(failedOn(results([failed]), 'nas-EP', 'split')).toBe(true);
    expect(failedOn(results([failed, { ...is('split', 1), experiment: 'nas-EP' }]), 'nas-EP', 'split')).toBe(false);
    expect(failedOn(results([]), 'nas-EP', 'split')).toBe(false);
    expect(ratioToNative(results([is('native', 2), is('split', 3)]), 'nas-IS', 'split')).toBe(1.5);
  });
});

describe('a chart of bars', () => {
  it('has lines at round values', () => {
    const bars = [
      {
        name: 'EP',
        values: [
          { name: 'native', value: 1 },
          { name: 'split', value: 3.81 },
        ],
      },
    ];
    const chart = barChart('NAS', 'time / native', bars, 1);
    expect([...chart.matchAll(/text-anchor="end"[^>]*>([\d.]+)</g)].map(([, label]) => label)).toEqual([
      '0',
      '1.00',
      '2.00',
      '3.00',
      '4.00',
    ]);
  });
});

describe('the report', () => {
  const all = results([
    micro('native', 1, 'latency 8 1'),
    micro('bypass', 1, 'latency 8 1.1'),
    micro('split', 1, 'latency 8 33'),
    is('native', 1),
    is('split', 3),
    is('ethernet', 4),
    { experiment: 'nas-EP', path: 'split', round: 1, job: '', failed: 'NAS <EP>: it did not verify' },
  ]);

  it('says what was found in figures', () => {
    expect(findings(all)).toEqual([
      '8 bytes take 1.10 us by bypass and 1.00 us natively: a ratio of 1.10.',
      'Through a driver domain they take 33.0 us, 30.0 times as long as by bypass.',
      'NAS by the path split, as ratios to native: IS 3.00.',
      'NAS by the path ethernet, as ratios to native: IS 4.00.',
    ]);
  });

  it('says when runs are missing', () => {
    expect(htmlReport(all)).toContain('6 of the 33 runs were made');
  });

  it('begins with a warning when others used the machine', () => {
    expect(findings({ ...all, loadBefore: 7 })[0]).toBe(
      'The machine was busy with other things (a load of 7.0 on 2 cores): these figures say little.',
    );
  });

  it('stands alone, with what failed and every raw number, and lets no text become markup', () => {
    const html = htmlReport(all);
    expect(html).toContain('<svg');
    expect(html).toContain('NAS &#60;EP&#62;: it did not verify');
    expect(html).toContain('<td>failed</td>');
    expect(html).not.toContain('<fast>');
    expect(html).not.toMatch(/(src|href)=/);
    expect(html).toContain('&#34;job&#34;: &#34;job-2&#34;');
  });

  it('can be written when nothing was measured', () => {
    expect(htmlReport(results([]))).toContain('No figures.');
  });
});
