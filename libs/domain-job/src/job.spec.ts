import { given } from '@verbena/event-sourcing/testing';
import { describe, expect, it } from 'vitest';
import {
  decideJob,
  evolveJob,
  exitRules,
  jobDecider,
  jobExitCode,
  noJob,
  requeuesOf,
  type EndCause,
  type JobCommand,
  type JobEvent,
  type JobSpec,
  type JobState,
  type RankEnd,
} from './index.ts';

const spec: JobSpec = {
  name: 'hello',
  image: 'hello',
  requirements: { os: '', abiVersion: '', libraries: {}, labels: {} },
  processes: 2,
  vms: 2,
  vcpusPerVm: 1,
  memoryBytes: 0,
  args: [],
  env: {},
  stdin: 'aGVsbG8=',
  walltimeMs: 1000,
  outputLimitBytes: 1000,
  placementPolicy: 'cost',
  priority: 0,
  inputFiles: [],
};
const match = { imageDigest: 'sha256:0', imageName: 'hello', imageVersion: 1, imageBytes: 10, memoryBytes: 65_536 };
const assignments = [0, 1].map((rank) => ({ rank, vmId: `vm-${rank}`, nodeId: 'node-0', nodeName: 'host', reused: rank === 1 }));
const policy: JobSpec = { ...spec, onNodeLoss: 'requeue', maxRequeues: 1 };
const counters = {
  bytesSent: 1,
  messagesSent: 1,
  vmmOperations: 0,
  dataPathVmmOperations: 0,
  cpuSeconds: 0,
  memoryBytesUsed: 0,
  outputFiles: 0,
};
const rankEnd = (rank: number, cause: EndCause = 'exited', exitCode = 0): RankEnd => ({
  rank,
  vmId: `vm-${rank}`,
  cause,
  exitCode,
  detail: '',
  ...counters,
});

const submitted: JobEvent = {
  type: 'JobSubmitted',
  data: { jobId: 'job-1', spec, actor: 'ada', tenant: 'physics', traceparent: '', at: 100 },
};
const matched: JobEvent = { type: 'JobMatched', data: { ...match, at: 110 } };
const placed: JobEvent = { type: 'JobPlaced', data: { policy: 'cost', cost: 0, assignments, evicted: [], at: 200 } };
const imageReady: JobEvent = { type: 'JobImageReady', data: { distributionId: 'dist-1', nodes: 1, rounds: 1, bytes: 10, at: 300 } };
const started: JobEvent = { type: 'JobStarted', data: { booted: 1, reused: 1, pkey: 0x8001, at: 400 } };
const ending = (cause: EndCause): JobEvent => ({
  type: 'JobEnding',
  data: { cause, exitCode: jobExitCode(cause), reason: 'because', at: 500 },
});

const histories = {
  none: [],
  queued: [submitted, matched],
  distributing: [submitted, matched, placed],
  booting: [submitted, matched, placed, imageReady],
  running: [submitted, matched, placed, imageReady, started],
  requeueing: [submitted, matched, placed, { type: 'JobRequeueing', data: { reason: 'back in the queue: it was lost', at: 450 } }],
  ending: [submitted, matched, placed, imageReady, started, ending('walltime')],
  completed: [submitted, matched, placed, imageReady, started, ending('exited'), { type: 'JobCompleted', data: { exitCode: 0, at: 600 } }],
  failed: [submitted, ending('deadlock'), { type: 'JobFailed', data: { cause: 'deadlock', exitCode: 123, reason: 'stuck', at: 600 } }],
  cancelled: [submitted, ending('cancelled'), { type: 'JobCancelled', data: { exitCode: 130, reason: 'by ada', at: 600 } }],
} satisfies Record<JobState['status'], readonly JobEvent[]>;

const at = 1000;
const commands: { readonly [T in JobCommand['type']]: Extract<JobCommand, { type: T }> } = {
  SubmitJob: { type: 'SubmitJob', at, data: { jobId: 'job-1', spec, actor: 'ada', tenant: 'physics', traceparent: '' } },
  MatchJob: { type: 'MatchJob', at, data: { ...match, imageDigest: 'sha256:1' } },
  ExplainWait: { type: 'ExplainWait', at, data: { reason: 'no cores' } },
  PlaceJob: { type: 'PlaceJob', at, data: { policy: 'cost', cost: 0, assignments, evicted: [] } },
  RecordImageReady: { type: 'RecordImageReady', at, data: { distributionId: '', nodes: 0, rounds: 0, bytes: 0 } },
  StartJob: { type: 'StartJob', at, data: { pkey: 1, restoredFrom: '' } },
  GrantRanks: { type: 'GrantRanks', at, data: { requestId: '1/0/1', parent: 0, first: 2, commands: [], assignments: [] } },
  ConnectRanks: { type: 'ConnectRanks', at, data: { first: 2 } },
  JoinRanks: { type: 'JoinRanks', at, data: { first: 2 } },
  MeetRanks: { type: 'MeetRanks', at, data: { first: 2 } },
  WithdrawRanks: { type: 'WithdrawRanks', at, data: { first: 2, reason: 'no answer' } },
  RecordRankEnd: { type: 'RecordRankEnd', at, data: rankEnd(0) },
  MoveRank: {
    type: 'MoveRank',
    at,
    data: { rank: 0, vmId: 'vm-0', nodeId: 'node-1', nodeName: 'other', nodeEpoch: 3, migrationId: 'mig-1' },
  },
  EndJob: { type: 'EndJob', at, data: { cause: 'cancelled', reason: 'by ada' } },
  FinishJob: { type: 'FinishJob', at, data: {} },
  LoseNodeOfJob: { type: 'LoseNodeOfJob', at, data: { nodeId: 'node-0', reason: 'it was lost' } },
  RequeueJob: { type: 'RequeueJob', at, data: { reason: 'again' } },
  FinishRequeue: { type: 'FinishRequeue', at, data: {} },
};

/** What each command gives in each state: the types of its events, '' for an acceptance without any, or !reason. */
const table: Readonly<Record<JobCommand['type'], Readonly<Record<JobState['status'], string>>>> = (() => {
  const row = (...cells: readonly string[]) =>
    Object.fromEntries(Object.keys(histories).map((status, index) => [status, cells[index] ?? ''])) as Record<JobState['status'], string>;
  const [no, wrong] = ['!unknown-job', '!wrong-state'];
  return {
    // none, queued, distributing, booting, running, requeueing, ending, completed, failed, cancelled
    SubmitJob: row('JobSubmitted', ...Array.from({ length: 9 }, () => '!already-submitted')),
    MatchJob: row(no, 'JobMatched', wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong),
    ExplainWait: row(no, 'JobWaiting', wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong),
    PlaceJob: row(no, 'JobPlaced', wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong),
    RecordImageReady: row(no, wrong, 'JobImageReady', wrong, wrong, wrong, wrong, wrong, wrong, wrong),
    StartJob: row(no, wrong, wrong, 'JobStarted', wrong, wrong, wrong, wrong, wrong, wrong),
    GrantRanks: row(no, wrong, wrong, wrong, 'RanksGranted', wrong, wrong, wrong, wrong, wrong),
    // None are coming here; growth.spec.ts says what follows when some are.
    ConnectRanks: row(no, ...Array.from({ length: 9 }, () => '!unknown-rank')),
    JoinRanks: row(no, ...Array.from({ length: 9 }, () => '!unknown-rank')),
    MeetRanks: row(no),
    WithdrawRanks: row(no),
    RecordRankEnd: row(no, wrong, wrong, wrong, 'RankExited', '', 'RankExited', '', '', ''),
    MoveRank: row(no, '!unknown-rank', ...Array.from({ length: 5 }, () => 'RankMoved'), '', '', ''),
    EndJob: row(no, 'JobEnding', 'JobEnding', 'JobEnding', 'JobEnding', 'JobEnding', '', '', '', ''),
    FinishJob: row(no, wrong, wrong, wrong, wrong, wrong, 'JobFailed', '', '', ''),
    LoseNodeOfJob: row(no, '', 'JobRequeueing', 'JobRequeueing', 'JobEnding', '', '', '', '', ''),
    RequeueJob: row(no, '', 'JobRequeueing', 'JobRequeueing', wrong, '', wrong, wrong, wrong, wrong),
    FinishRequeue: row(no, wrong, wrong, wrong, wrong, 'JobRequeued', wrong, wrong, wrong, wrong),
  };
})();

const fold = (events: readonly JobEvent[]): JobState => events.reduce(evolveJob, noJob);

describe('a job', () => {
  const cells = Object.entries(histories).flatMap(([status, history]) =>
    Object.values(commands).map((command) => [status as JobState['status'], command, history as readonly JobEvent[]] as const),
  );

  it.each(cells.map(([status, command, history]) => [command.type, status, command, history] as const))(
    '%s when %s',
    (type, status, command, history) => {
      const state = fold(history);
      expect(state.status).toBe(status);
      const decision = decideJob(command, state);
      expect(decision.ok ? decision.events.map((event) => event.type).join(' ') : `!${decision.reason}`).toBe(table[type][status]);
    },
  );

  it('needs an image before it is placed', () => {
    given(jobDecider, [submitted]).when(commands.PlaceJob).thenRefused('not-matched');
  });

  it('says each reason for waiting, and each image, once', () => {
    given(jobDecider, [...histories.queued, { type: 'JobWaiting', data: { reason: 'no cores', at: 120 } }])
      .when(commands.ExplainWait)
      .thenNothing();
    given(jobDecider, histories.queued).when({ type: 'MatchJob', at, data: match }).thenNothing();
  });

  it('ends when its last rank has ended well', () => {
    const first: JobEvent = { type: 'RankExited', data: { ...rankEnd(0), at: 450 } };
    given(jobDecider, [...histories.running, first])
      .when({ type: 'RecordRankEnd', at, data: rankEnd(1) })
      .then(
        { type: 'RankExited', data: { ...rankEnd(1), at } },
        { type: 'JobEnding', data: { cause: 'exited', exitCode: 0, reason: '', at } },
      );
  });

  it('hears of each rank once, and of no rank that it does not have', () => {
    const first: JobEvent = { type: 'RankExited', data: { ...rankEnd(0), at: 450 } };
    given(jobDecider, [...histories.running, first])
      .when(commands.RecordRankEnd)
      .thenNothing();
    given(jobDecider, histories.running)
      .when({ type: 'RecordRankEnd', at, data: rankEnd(7) })
      .thenRefused('unknown-rank');
    given(jobDecider, histories.running)
      .when({ type: 'RecordRankEnd', at, data: { ...rankEnd(0), vmId: 'vm-9' } })
      .thenRefused('unknown-rank');
  });

  it('keeps the first cause, unless that was a failure of ours which a rank explains', () => {
    const decided = (history: readonly JobEvent[], cause: EndCause): EndCause | undefined => {
      const decision = decideJob({ type: 'RecordRankEnd', at, data: rankEnd(0, cause, 1) }, fold(history));
      const state = decision.ok ? fold([...history, ...decision.events]) : noJob;
      return state.status === 'ending' ? state.end.cause : undefined;
    };
    expect(decided(histories.ending, 'trapped')).toBe('walltime');
    const internal = [...histories.running, ending('internal')];
    expect(decided(internal, 'trapped')).toBe('trapped');
    expect(decided(internal, 'cancelled')).toBe('internal');
    expect(decided(internal, 'exit-nonzero')).toBe('internal');
  });

  it('adds up the seconds of its phases over several tries', () => {
    const again: readonly JobEvent[] = [
      ...histories.booting,
      { type: 'JobRequeued', data: { reason: 'a node was gone', at: 350 } },
      { ...placed, data: { ...placed.data, at: 360 } } as JobEvent,
      { ...imageReady, data: { ...imageReady.data, at: 365 } } as JobEvent,
      { ...started, data: { ...started.data, at: 400 } } as JobEvent,
      ending('exited'),
      { type: 'JobCompleted', data: { exitCode: 0, at: 600 } },
    ];
    const state = fold(again);
    if (state.status !== 'completed') throw new Error(`it is ${state.status}`);
    expect(state.phaseMs).toEqual({ queue: 100 + 10, distribute: 100 + 5, boot: 50 + 35, run: 200 });
    expect(state.imageBytesTransferred).toBe(20);
  });

  it('forgets its standard input when it is over', () => {
    expect(fold(histories.completed)).toMatchObject({ spec: { stdin: '' } });
    expect(fold(histories.running)).toMatchObject({ spec: { stdin: 'aGVsbG8=' } });
  });
});

describe('exit codes', () => {
  it('fit into a byte, and are 0 for a success alone', () => {
    for (const cause of Object.keys(exitRules) as EndCause[]) {
      for (const program of [0, 1, 42, 255, 256, -1, 1 << 20]) {
        const code = jobExitCode(cause, program);
        expect(code === 0).toBe(cause === 'exited');
        expect(Number.isInteger(code) && code >= 0 && code <= 255).toBe(true);
      }
    }
  });

  it('are the program’s where it has one', () => {
    expect([jobExitCode('exit-nonzero', 42), jobExitCode('mpi-abort', 7), jobExitCode('no-finalize', 0)]).toEqual([42, 7, 1]);
  });
});

describe('a job whose node is lost while its ranks run', () => {
  const lose: JobCommand = { type: 'LoseNodeOfJob', at, data: { nodeId: 'node-0', reason: 'node-0 is lost' } };
  const wish: JobEvent = {
    ...submitted,
    data: { ...(submitted.data as Extract<JobEvent, { type: 'JobSubmitted' }>['data']), spec: policy },
  };
  const life: readonly JobEvent[] = [placed, imageReady, started];
  const again: readonly JobEvent[] = [
    { type: 'JobRequeueing', data: { reason: 'back in the queue: node-0 is lost', at } },
    { type: 'JobRequeued', data: { reason: 'back in the queue: node-0 is lost', at } },
  ];

  it('runs again when that is its policy, as often as it says', () => {
    given(jobDecider, [wish, matched, ...life])
      .when(lose)
      .then(again[0]!);
    given(jobDecider, [wish, matched, ...life, ...again, ...life])
      .when(lose)
      .then({
        type: 'JobEnding',
        data: {
          cause: 'node-lost',
          exitCode: 75,
          reason: 'node-0 is lost; the job has been requeued 1 times, and no more was asked for',
          at,
        },
      });
  });

  it('has nothing left of its first life when it waits again, and counts its starts', () => {
    const exited: JobEvent = { type: 'RankExited', data: { ...rankEnd(0), at: 450 } };
    const queued = fold([wish, matched, ...life, exited, ...again]);
    expect(queued).toMatchObject({ status: 'queued', assignments: [], starts: 1, startedAt: undefined, pkey: 0 });
    expect(queued.status !== 'none' && queued.ends.size).toBe(0);
    expect(queued.status !== 'none' && requeuesOf(queued)).toBe(1);
    const second = fold([wish, matched, ...life, exited, ...again, ...life]);
    expect(second).toMatchObject({ status: 'running', starts: 2 });
    expect(second.status !== 'none' && requeuesOf(second)).toBe(1);
  });

  it('loses nothing when its ranks there have ended, or when it does not run there', () => {
    const ends: readonly JobEvent[] = [0, 1].map((rank) => ({ type: 'RankExited', data: { ...rankEnd(rank), at: 450 } }));
    given(jobDecider, [wish, matched, ...life, ...ends])
      .when(lose)
      .then();
    given(jobDecider, [wish, matched, ...life])
      .when({ ...lose, data: { ...lose.data, nodeId: 'node-9' } })
      .then();
  });

  it('goes the same way when its host kills a rank that nobody had ended', () => {
    given(jobDecider, [wish, matched, ...life])
      .when({ type: 'RecordRankEnd', at, data: rankEnd(0, 'cancelled', 137) })
      .then(
        { type: 'RankExited', data: { ...rankEnd(0, 'cancelled', 137), at } },
        { type: 'JobRequeueing', data: { reason: 'back in the queue: rank 0 was killed', at } },
      );
  });

  it('fails when it was placed ten times and never started: something about it takes nodes down', () => {
    const events: JobEvent[] = [wish, matched];
    for (let time = 1; time < 10; time++) events.push(placed, ...again);
    given(jobDecider, [...events, placed])
      .when(lose)
      .then({
        type: 'JobEnding',
        data: { cause: 'node-lost', exitCode: 75, reason: 'node-0 is lost; the job was placed 10 times and could not be started', at },
      });
  });
});
