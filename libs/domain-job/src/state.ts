/**
 * A job's life. `ending` is where the cause is decided and the remains are being stopped and freed; `requeueing` the same for a job that will be
 * placed anew.
 *
 *   none --Submitted--> queued --Placed--> distributing --ImageReady--> booting --Started--> running
 *                         ^                     |                         |                    |
 *                         +--Requeued-- requeueing <--Requeueing----------+--------------------+
 *   queued | distributing | booting | running | requeueing --Ending--> ending --> completed | failed | cancelled
 */
import type { Assignment, Growth, JobEvent, RankEnd } from './events.ts';
import type { EndCause } from './exit-codes.ts';
import type { JobSpec } from './spec.ts';

export type Phase = 'queue' | 'distribute' | 'boot' | 'run';

export interface ImageMatch {
  readonly imageDigest: string;
  readonly imageName: string;
  readonly imageVersion: number;
  readonly imageBytes: number;
  /** Memory of each VM, with the image's default put in. */
  readonly memoryBytes: number;
}

export interface Submitted {
  readonly jobId: string;
  readonly spec: JobSpec;
  readonly actor: string;
  readonly tenant: string;
  /** Of the actor, when it submitted the job. */
  readonly roles: readonly string[];
  readonly traceparent: string;
  readonly submittedAt: number;
  /** Finished phases. */
  readonly phaseMs: Readonly<Partial<Record<Phase, number>>>;
  /** When the present phase began. */
  readonly phaseSince: number;
  /** Why it waits or ended, for people. */
  readonly reason: string;
  readonly match: ImageMatch | undefined;
  readonly assignments: readonly Assignment[];
  /** Idle VMs of others that make room for this placement. */
  readonly evicted: readonly string[];
  /** How often it was placed, and how often its ranks were started: the number of the present attempt once they are. */
  readonly placements: number;
  readonly starts: number;
  readonly imageBytesTransferred: number;
  readonly distributionRounds: number;
  readonly startedAt: number | undefined;
  readonly pkey: number;
  /** The checkpoint from which the ranks of the present attempt were started; empty when they began. */
  readonly restoredFrom: string;
  readonly ends: ReadonlyMap<number, RankEnd>;
  /** Ranks that are claimed for it while it runs, and are not ranks of it yet. */
  readonly growing: Growth | undefined;
  /** What it got in this attempt, in order. */
  readonly grown: readonly Grown[];
}

export interface Grown extends Omit<Growth, 'assignments'> {
  /** They run, and the others know of them. */
  readonly met: boolean;
}

export interface End {
  readonly cause: EndCause;
  readonly exitCode: number;
}

export type LiveStatus = 'queued' | 'distributing' | 'booting' | 'running';
export type EndedStatus = 'completed' | 'failed' | 'cancelled';

export type JobState =
  | { readonly status: 'none' }
  | (Submitted & { readonly status: LiveStatus })
  | (Submitted & { readonly status: 'requeueing'; readonly from: LiveStatus })
  | (Submitted & { readonly status: 'ending'; readonly from: LiveStatus; readonly end: End })
  | (Submitted & { readonly status: EndedStatus; readonly end: End; readonly endedAt: number });

export type KnownJob = Exclude<JobState, { status: 'none' }>;

export const noJob: JobState = { status: 'none' };

const phaseOf: Readonly<Record<LiveStatus, Phase>> = { queued: 'queue', distributing: 'distribute', booting: 'boot', running: 'run' };

export function hasEnded(state: JobState): state is Extract<JobState, { status: EndedStatus }> {
  return state.status === 'completed' || state.status === 'failed' || state.status === 'cancelled';
}

/** The phase that the job is in, or undefined when it has ended. */
export function currentPhase(state: JobState): Phase | undefined {
  if (state.status === 'none' || hasEnded(state)) return undefined;
  return phaseOf[liveStatus(state)];
}

/** Closes the present phase at a time. */
function phasesUntil(state: KnownJob, at: number): Pick<Submitted, 'phaseMs' | 'phaseSince'> {
  const phase = currentPhase(state);
  if (phase === undefined) return state;
  const spent = (state.phaseMs[phase] ?? 0) + Math.max(0, at - state.phaseSince);
  return { phaseMs: { ...state.phaseMs, [phase]: spent }, phaseSince: at };
}

export function evolveJob(state: JobState, event: JobEvent): JobState {
  if (event.type === 'JobSubmitted') return submitted(event);
  if (state.status === 'none') return state;
  switch (event.type) {
    case 'JobMatched':
      return { ...state, match: event.data };
    case 'JobWaiting':
      return { ...state, reason: event.data.reason };
    case 'JobPlaced':
      return {
        ...state,
        ...enter(state, 'distributing', event),
        assignments: event.data.assignments,
        evicted: event.data.evicted,
        placements: state.placements + 1,
        reason: '',
      };
    case 'JobImageReady':
      return {
        ...state,
        ...enter(state, 'booting', event),
        imageBytesTransferred: state.imageBytesTransferred + event.data.bytes,
        distributionRounds: event.data.rounds,
      };
    case 'JobStarted':
      return {
        ...state,
        ...enter(state, 'running', event),
        startedAt: event.data.at,
        pkey: event.data.pkey,
        restoredFrom: event.data.restoredFrom ?? '',
        starts: state.starts + 1,
        evicted: [],
        reason: '',
      };
    case 'RanksGranted':
      return { ...state, growing: event.data };
    case 'RanksConnecting':
      return state;
    case 'RanksJoined': {
      if (state.growing === undefined) return state;
      const { assignments, ...growth } = state.growing;
      return {
        ...state,
        assignments: [...state.assignments, ...assignments],
        growing: undefined,
        grown: [...state.grown, { ...growth, met: false }],
      };
    }
    case 'RanksMet':
      return { ...state, grown: state.grown.map((each) => (each.first === event.data.first ? { ...each, met: true } : each)) };
    case 'RanksWithdrawn':
      return { ...state, growing: undefined };
    case 'RankExited':
      return { ...state, ends: new Map(state.ends).set(event.data.rank, event.data) };
    case 'RankMoved': {
      const { rank, nodeId, nodeName, nodeEpoch } = event.data;
      const moved = (assignment: Assignment): Assignment =>
        assignment.rank === rank ? { ...assignment, nodeId, nodeName, nodeEpoch } : assignment;
      return { ...state, assignments: state.assignments.map(moved) };
    }
    case 'JobRequeued':
      return {
        ...state,
        ...enter(state, 'queued', event),
        assignments: [],
        evicted: [],
        ends: new Map(),
        growing: undefined,
        grown: [],
        startedAt: undefined,
        pkey: 0,
        reason: event.data.reason,
      };
    case 'JobRequeueing':
      return { ...state, status: 'requeueing', from: liveStatus(state), reason: event.data.reason };
    case 'JobEnding': {
      const from = liveStatus(state);
      const { cause, exitCode, reason } = event.data;
      return { ...state, status: 'ending', from, end: { cause, exitCode }, reason };
    }
    case 'JobCompleted':
      return ended(state, 'completed', { cause: 'exited', exitCode: 0 }, event.data.at);
    case 'JobFailed':
      return ended({ ...state, reason: event.data.reason }, 'failed', event.data, event.data.at);
    case 'JobCancelled':
      return ended(
        { ...state, reason: event.data.reason },
        'cancelled',
        { cause: 'cancelled', exitCode: event.data.exitCode },
        event.data.at,
      );
    default:
      return event satisfies never;
  }
}

function submitted({ data }: Extract<JobEvent, { type: 'JobSubmitted' }>): JobState {
  return {
    status: 'queued',
    jobId: data.jobId,
    spec: data.spec,
    actor: data.actor,
    tenant: data.tenant,
    roles: data.roles ?? [],
    traceparent: data.traceparent,
    submittedAt: data.at,
    phaseMs: {},
    phaseSince: data.at,
    reason: '',
    match: undefined,
    assignments: [],
    evicted: [],
    placements: 0,
    starts: 0,
    imageBytesTransferred: 0,
    distributionRounds: 0,
    startedAt: undefined,
    pkey: 0,
    restoredFrom: '',
    ends: new Map(),
    growing: undefined,
    grown: [],
  };
}

function enter<S extends LiveStatus>(state: KnownJob, status: S, event: JobEvent) {
  return { status, ...phasesUntil(state, event.data.at) };
}

/** Where a live job is, or from where it ends or goes back to the queue. */
export function liveStatus(state: KnownJob): LiveStatus {
  if (state.status === 'ending' || state.status === 'requeueing') return state.from;
  return hasEnded(state) ? 'queued' : state.status;
}

/** How often it went back to the queue after its ranks had been started. */
export function requeuesOf(state: KnownJob): number {
  const under = state.startedAt !== undefined && state.status !== 'requeueing' ? 1 : 0;
  return Math.max(0, state.starts - under);
}

/** What only a running job needs is forgotten: the log keeps it, memory need not. */
function ended(state: KnownJob, status: EndedStatus, { cause, exitCode }: End, at: number): JobState {
  const spec = { ...state.spec, stdin: '' };
  return { ...state, ...phasesUntil(state, at), status, spec, end: { cause, exitCode }, endedAt: at };
}
