import { given } from '@verbena/event-sourcing/testing';
import { describe, expect, it } from 'vitest';
import { decideJob, evolveJob, jobDecider, noJob } from './index.ts';
import type { JobCommand, JobEvent, JobSpec, JobState, RankEnd } from './index.ts';

const at = 1000;
const assignments = [0, 1].map((rank) => ({ rank, vmId: `vm-${rank}`, nodeId: 'node-0', nodeName: 'host', reused: false }));
const running: readonly JobEvent[] = [
  { type: 'JobSubmitted', data: { jobId: 'job-1', spec: {} as JobSpec, actor: 'ada', tenant: 'physics', traceparent: '', at } },
  { type: 'JobPlaced', data: { policy: 'cost', cost: 0, assignments, evicted: [], at } },
  { type: 'JobImageReady', data: { distributionId: '', nodes: 0, rounds: 0, bytes: 0, at } },
  { type: 'JobStarted', data: { booted: 2, reused: 0, pkey: 1, at } },
];
const counters = {
  bytesSent: 1,
  messagesSent: 1,
  vmmOperations: 1,
  dataPathVmmOperations: 0,
  cpuSeconds: 1,
  memoryBytesUsed: 1,
  outputFiles: 0,
};
const rankEnd = (rank: number): RankEnd => ({ rank, vmId: `vm-${rank}`, cause: 'exited', exitCode: 0, detail: '', ...counters });
const fold = (events: readonly JobEvent[]): JobState => events.reduce(evolveJob, noJob);

describe('a job that gets more ranks while it runs', () => {
  const third = [{ rank: 2, vmId: 'vm-2', nodeId: 'node-1', nodeName: 'other', reused: false }];
  const growth = { requestId: '1/0/1', parent: 0, first: 2, commands: [], assignments: third };
  const granted: JobEvent[] = [...running, { type: 'RanksGranted', data: { ...growth, at } }];
  const joined: JobEvent[] = [
    ...granted,
    { type: 'RanksConnecting', data: { first: 2, at } },
    { type: 'RanksJoined', data: { first: 2, at } },
  ];

  it('gets them one growth at a time, numbered on', () => {
    given(jobDecider, granted).when({ type: 'GrantRanks', at, data: growth }).thenRefused('growing');
    given(jobDecider, joined).when({ type: 'GrantRanks', at, data: growth }).thenRefused('unknown-rank');
    given(jobDecider, joined)
      .when({ type: 'GrantRanks', at, data: { ...growth, first: 3 } })
      .then({ type: 'RanksGranted', data: { ...growth, first: 3, at } });
  });

  it('hears of them when they have joined, and not before', () => {
    const end: JobCommand = { type: 'RecordRankEnd', at, data: rankEnd(2) };
    given(jobDecider, granted).when(end).thenRefused('unknown-rank');
    given(jobDecider, joined)
      .when(end)
      .then({ type: 'RankExited', data: { ...end.data, at } });
  });

  it('ends when they, too, have ended', () => {
    const ends = [0, 1].map((rank): JobEvent => ({ type: 'RankExited', data: { ...rankEnd(rank), at } }));
    const ended = (history: readonly JobEvent[], last: RankEnd): string => {
      const decision = decideJob({ type: 'RecordRankEnd', at, data: last }, fold(history));
      return decision.ok ? decision.events.map(({ type }) => type).join(' ') : decision.reason;
    };
    expect(ended([...joined, ...ends.slice(0, 1)], rankEnd(1))).toBe('RankExited');
    expect(ended([...joined, ...ends], rankEnd(2))).toBe('RankExited JobEnding');
  });

  it('is as it was when they are withdrawn, and may be granted others', () => {
    const withdrawn: JobEvent[] = [...granted, { type: 'RanksWithdrawn', data: { first: 2, reason: 'no answer', at } }];
    given(jobDecider, withdrawn)
      .when({ type: 'JoinRanks', at, data: { first: 2 } })
      .thenRefused('unknown-rank');
    given(jobDecider, withdrawn)
      .when({ type: 'GrantRanks', at, data: growth })
      .then({ type: 'RanksGranted', data: { ...growth, at } });
  });

  it('does not get them when it ends first', () => {
    const over: JobEvent[] = [...granted, { type: 'JobEnding', data: { cause: 'cancelled', exitCode: 130, reason: 'by ada', at } }];
    given(jobDecider, over)
      .when({ type: 'JoinRanks', at, data: { first: 2 } })
      .thenRefused('wrong-state');
    given(jobDecider, over)
      .when({ type: 'WithdrawRanks', at, data: { first: 2, reason: 'no answer' } })
      .then({ type: 'RanksWithdrawn', data: { first: 2, reason: 'no answer', at } });
  });

  it('knows of each growth whether all have met it', () => {
    const met: JobEvent = { type: 'RanksMet', data: { first: 2, at } };
    given(jobDecider, joined)
      .when({ type: 'MeetRanks', at, data: { first: 2 } })
      .then(met);
    given(jobDecider, [...joined, met])
      .when({ type: 'MeetRanks', at, data: { first: 2 } })
      .thenNothing();
  });
});
