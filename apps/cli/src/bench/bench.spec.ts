import { describe, expect, it } from 'vitest';
import { bestPoints, bestSeconds, readPoints, splitOf, type Results, type Run } from './experiments.ts';
import { findings, htmlReport } from './report.ts';

const machine = { cpu: 'a <fast> one', cores: 2, memoryBytes: 2 ** 33, node: 'v24', when: '2026-11-21' };
const plan = { paths: ['native', 'bypass', 'split'], rounds: 2, batchMs: 10, nasClass: 'S', kernels: ['IS', 'EP'], ranks: 2 };
const vm = { imageBytes: 1000, memoryBytes: 9_000_000, cold: { boot: 0.2 }, warm: {} };
const results = (runs: readonly Run[]): Results => ({ machine, plan, vm, runs, skipped: ['NAS <FT>: it did not verify'] });
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
    expect(bestSeconds(results([is('split', 2), is('split', 1.5)]), 'IS', 'split')).toBe(1.5);
  });

  it('of time leave out sleep, and add up to 100', () => {
    const split = splitOf(results([is('bypass', 1)]), 'IS', 'bypass') ?? {};
    expect(split).toEqual({ guest: 90, vmm: 10, adapter: 0, 'driver-domain': 0 });
    expect(splitOf(results([]), 'IS', 'bypass')).toBeUndefined();
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
  ]);

  it('says what was found in figures', () => {
    expect(findings(all)).toEqual([
      '8 bytes take 1.10 us by bypass and 1.00 us natively: a ratio of 1.10.',
      'Through a driver domain they take 33.0 us, 30.0 times as long as by bypass.',
      'Through the driver domain, as ratios to native: IS 3.00.',
      'Over Ethernet, as ratios to native: IS 4.00.',
    ]);
  });

  it('stands alone, with what was not measured and every raw number, and lets no text become markup', () => {
    const html = htmlReport(all);
    expect(html).toContain('<svg');
    expect(html).toContain('NAS &#60;FT&#62;: it did not verify');
    expect(html).not.toContain('<fast>');
    expect(html).not.toMatch(/(src|href)=/);
    expect(html).toContain('&#34;job&#34;: &#34;job-2&#34;');
  });

  it('can be written when nothing was measured', () => {
    expect(htmlReport(results([]))).toContain('No figures.');
  });
});
