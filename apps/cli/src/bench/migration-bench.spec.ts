import { describe, expect, it } from 'vitest';
import { medianMove, medianOf, medianOverlap, readBins, type MigrationResults } from './migration-experiments.ts';
import { migrationFindings, migrationReport } from './migration-report.ts';
import type { Moved } from './moving-job.ts';

const moved = (totalMs: number, downtimeMs: number): Moved => ({
  totalMs,
  downtimeMs,
  pauseMs: downtimeMs + 5,
  rounds: 2,
  bytes: 48_000_000,
});
const results: MigrationResults = {
  machine: { cpu: 'a <fast> one', cores: 2, memoryBytes: 2 ** 33, node: 'v24', when: '2026-11-21' },
  plan: { rounds: 3, sizes: [8, 48], rates: [0], usedMib: 48, seconds: 3, ranks: 4, steps: 10, shares: [0, 50] },
  rows: [
    { experiment: 'size', way: 'tcp', x: 48, moves: [moved(400, 80), moved(500, 90), moved(2_000, 70)] },
    { experiment: 'size', way: 'rdma', x: 48, moves: [moved(100, 20)] },
    { experiment: 'size', way: 'rdma, page by page', x: 48, moves: [moved(250, 30), moved(150, 30)] },
    { experiment: 'rate', way: 'tcp', x: 0, moves: [] },
  ],
  traces: [
    {
      transport: 'tcp',
      moved: moved(300, 60),
      bounce: readBins('bounce 0 1 2\nbounce 10 9 60000\nbounce 20 1 2', 'bounce'),
      allreduce: [],
    },
  ],
  work: { 'no migration': [2, 3, 2.5], 'migration thread, typical': [3], 'progress engine': [4] },
  overlaps: [
    { design: 'mt', percent: 50, lostMs: 30, moved: moved(300, 20) },
    { design: 'mt', percent: 50, lostMs: -5, moved: moved(300, 20) },
    { design: 'pe', percent: 50, lostMs: 600, moved: moved(300, 20) },
  ],
  skipped: ['latency while a VM moves over <rdma>: the job failed'],
};

describe('figures of moves', () => {
  it('are medians, also of an even number, and nothing where nothing was measured', () => {
    expect([medianOf([3, 1, 2]), medianOf([1, 2]), medianOf([])]).toEqual([2, 1.5, undefined]);
    expect(medianMove(results, 'size', 'tcp', 48, 'totalMs')).toBe(500);
    expect(medianMove(results, 'size', 'rdma, page by page', 48, 'totalMs')).toBe(200);
    expect(medianMove(results, 'size', 'tcp', 8, 'totalMs')).toBeUndefined();
    expect(medianMove(results, 'rate', 'tcp', 0, 'totalMs')).toBeUndefined();
  });

  it('of what is hidden are between nothing and all of the move', () => {
    expect([medianOverlap(results, 'mt', 50), medianOverlap(results, 'pe', 50), medianOverlap(results, 'mt', 0)]).toEqual([
      95,
      0,
      undefined,
    ]);
  });

  it('of latency are read from lines of four words, and nothing else is one', () => {
    expect(readBins('ready\nbounce 10 1.5 9\nallreduce 10 2 3\nbounce 20 x 1\nbounce 20 1', 'bounce')).toEqual([
      { atMs: 10, mean: 1.5, worst: 9 },
    ]);
  });
});

describe('the report on migration', () => {
  it('says what was found in figures', () => {
    expect(migrationFindings(results)).toEqual([
      'Total time with 48 MiB in use: 100 ms by RDMA, 500 ms by TCP (-80%).',
      'The VM stands with 48 MiB in use: 20.0 ms by RDMA, 80.0 ms by TCP (-75%).',
      'Page by page, RDMA takes 200 ms instead of 100 ms.',
      'A program on 4 VMs takes 3.00 s when one of them moves, and 2.50 s when none does: a ratio of 1.20.',
    ]);
  });

  it('stands alone, with what was not measured and every raw number, and lets no text become markup', () => {
    const html = migrationReport(results);
    expect(html).toContain('<svg');
    expect(html).toContain('a &#60;fast&#62; one');
    expect(html).toContain('over &#60;rdma&#62;: the job failed');
    expect(html).not.toContain('<fast>');
    expect(html).toContain('1 of 3');
    expect(html).toContain('<td>migration thread, worst case</td>');
    expect(html).toContain('&#34;bytes&#34;: 48000000');
  });
});
