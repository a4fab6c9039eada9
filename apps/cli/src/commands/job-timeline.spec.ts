import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { eventv1 } from '@verbena/contracts';
import { describe, expect, it } from 'vitest';
import { displayWidth } from '../terminal/text.ts';
import { jobTimeline } from './job-timeline.ts';
import { timelineLines } from './timeline-lines.ts';

const event = (at: number, stream: string, type: string, data: object = {}): eventv1.Event =>
  create(eventv1.EventSchema, { stream, type, time: timestampFromMs(at), data: new TextEncoder().encode(JSON.stringify(data)) });

const job = 'job-7k2m9q';
const story = [
  event(1_000, job, 'JobSubmitted'),
  event(1_000, job, 'JobMatched'),
  event(1_100, job, 'JobPlaced'),
  event(1_110, 'dist-1', 'DistributionPlanned', { trees: [{ nodeId: 'node-0', children: [{ nodeId: 'node-1', children: [] }] }] }),
  event(1_150, 'dist-1', 'NodeReceived', { nodeId: 'node-0', bytes: 2048 }),
  event(1_200, 'dist-1', 'NodeReceived', { nodeId: 'node-1', bytes: 2048 }),
  event(1_210, job, 'JobImageReady'),
  event(1_220, 'vm-a', 'VmCreated', { nodeId: 'node-0' }),
  event(1_300, 'vm-a', 'VmBooted', { seconds: 0.08 }),
  event(1_310, job, 'JobStarted'),
  event(1_320, 'vm-a', 'VmStarted', { rank: 0 }),
  event(1_900, job, 'RankExited', { rank: 0, cause: 'exited' }),
  event(1_900, job, 'JobEnding'),
  event(2_000, job, 'JobCompleted'),
];

describe('the timeline of a job', () => {
  it('has its stages, the edges of the tree, the boots and the ranks', () => {
    expect(timelineLines(jobTimeline(job, story), 80, 0)).toEqual([
      'job-7k2m9q                            1 s  #####################################',
      '|- queue                           100 ms  ####',
      '|- image                           110 ms     #####',
      '|  `- storage to node-0 2 KiB       40 ms      ##',
      '|     `- node-0 to node-1 2 KiB     50 ms       ##',
      '|- boot                            100 ms         ####',
      '|  `- vm-a node-0                   80 ms          ###',
      '|- run                             590 ms             ######################',
      '|  `- rank 0 vm-a                  580 ms             ######################',
      '`- end                             100 ms                                   ####',
    ]);
  });

  it('leaves out what took no time, since it was written in one go', () => {
    const quick = [
      event(0, job, 'JobSubmitted'),
      event(5, job, 'JobPlaced'),
      event(9, job, 'JobImageReady'),
      event(9, job, 'JobStarted'),
      event(20, job, 'JobEnding'),
      event(25, job, 'JobCompleted'),
    ];
    expect(jobTimeline(job, quick).children.map(({ label }) => label)).toEqual(['queue', 'image', 'run', 'end']);
  });

  it('shows what goes on as open, up to now', () => {
    const { end, children } = jobTimeline(job, story.slice(0, 11));
    expect([end, children.at(-1)?.label, children.at(-1)?.end]).toEqual([undefined, 'run', undefined]);
    expect(timelineLines(jobTimeline(job, story.slice(0, 11)), 80, 3_000)[0]).toMatch(/^job-7k2m9q .* 2 s\+ {2}#+$/);
  });

  it('begins anew after a requeue, and tells how a rank ended that did not exit', () => {
    const again = [
      ...story.slice(0, 3),
      event(1_500, job, 'JobRequeued'),
      event(1_600, job, 'JobPlaced'),
      event(1_700, job, 'JobImageReady'),
      event(1_800, job, 'JobStarted'),
      event(1_810, 'vm-b', 'VmStarted', { rank: 0 }),
      event(1_900, job, 'RankExited', { rank: 0, cause: 'trapped' }),
      event(1_900, job, 'JobEnding'),
      event(1_950, job, 'JobFailed'),
    ];
    const { children } = jobTimeline(job, again);
    expect(children.map(({ label }) => label)).toEqual(['queue', 'image', 'queue', 'image', 'boot', 'run', 'end']);
    expect(children[5]?.children.map(({ label }) => label)).toEqual(['rank 0 vm-b trapped']);
  });

  it('fits any width, and shows no more than a screen of siblings', () => {
    const many = [...story.slice(0, 10), ...Array.from({ length: 300 }, (_, rank) => event(1_320, `vm-${rank}`, 'VmStarted', { rank }))];
    for (const width of [60, 80, 132])
      for (const line of timelineLines(jobTimeline(job, many), width, 2_000)) expect(displayWidth(line)).toBeLessThanOrEqual(width);
    expect(timelineLines(jobTimeline(job, many), 80, 2_000).at(-1)).toBe('   `- and 285 more');
    expect(timelineLines(jobTimeline(job, many), 80, 2_000, true)).toHaveLength(7 + 1 + 300);
  });
});
