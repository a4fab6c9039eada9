import { create } from '@bufbuild/protobuf';
import { jobv1 } from '@verbena/contracts';
import { describe, expect, it } from 'vitest';
import { flameGraph } from './flame-graph.ts';
import { foldedLines, stacksOf } from './stacks.ts';

const seconds = {
  guest: 2,
  vmm: 0.5,
  'vmm;hca-command': 0.2,
  'vmm;block': 0.1,
  idle: 1,
  'idle;MPI_Recv': 0.75,
  adapter: 0,
  'driver-domain': 0,
};
const job = create(jobv1.JobSchema, { id: 'job-1', ranks: [{ rank: 0, io: { seconds } }, { rank: 1 }] });

describe('the profile of a job', () => {
  it('is its stacks, in which a total is what its parts leave, so that all add up', () => {
    const stacks = stacksOf(job, { busy: false });
    expect(foldedLines(stacks)).toEqual([
      'job-1;rank 0;guest 2000000',
      'job-1;rank 0;vmm 200000',
      'job-1;rank 0;vmm;hca-command 200000',
      'job-1;rank 0;vmm;block 100000',
      'job-1;rank 0;idle 250000',
      'job-1;rank 0;idle;MPI_Recv 750000',
    ]);
    expect(stacks.reduce((sum, { microseconds }) => sum + microseconds, 0)).toBe(3_500_000);
  });

  it('can leave out sleep, and has nothing of ranks that have not ended', () => {
    const names = stacksOf(job, { busy: true }).map(({ frames }) => frames.slice(1).join(' '));
    expect(names).toEqual(['rank 0 guest', 'rank 0 vmm', 'rank 0 vmm hca-command', 'rank 0 vmm block']);
  });

  it('is drawn with each frame as wide as its time, above the one that contains it', () => {
    const svg = flameGraph('a <job>', stacksOf(job, { busy: false }), ['a note']);
    const box = (name: string): { x: number; y: number; wide: number } => {
      const [, x, y, wide] = new RegExp(`<title>${name}: [^<]*</title><rect x="([\\d.]+)" y="([\\d.]+)" width="([\\d.]+)"`).exec(svg) ?? [];
      return { x: Number(x), y: Number(y), wide: Number(wide) };
    };
    expect(box('guest').wide / box('rank 0').wide).toBeCloseTo(2 / 3.5, 2);
    expect(box('vmm').wide / box('rank 0').wide).toBeCloseTo(0.5 / 3.5, 2);
    expect(box('hca-command').y).toBeLessThan(box('vmm').y);
    expect(box('hca-command').x).toBeGreaterThanOrEqual(box('vmm').x);
    expect(box('vmm').y).toBeLessThan(box('job-1').y);
    expect(svg).not.toContain('<job>');
    expect(svg).toContain('a note');
  });

  it('can be drawn when there is nothing in it', () => {
    expect(flameGraph('empty', [], [])).toContain('</svg>');
  });
});
