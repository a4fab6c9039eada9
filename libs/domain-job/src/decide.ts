import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { JobCommand } from './commands.ts';
import type { JobEvent, RankEnd } from './events.ts';
import { isCleanEnd, jobExitCode, type EndCause } from './exit-codes.ts';
import { evolveJob, hasEnded, noJob, requeuesOf, type JobState, type KnownJob } from './state.ts';

export type JobRefusal = 'unknown-job' | 'already-submitted' | 'wrong-state' | 'not-matched' | 'unknown-rank' | 'growing';

type Outcome = Decision<JobEvent, JobRefusal>;
type Of<T extends JobCommand['type']> = Extract<JobCommand, { type: T }>;

export function decideJob(command: JobCommand, state: JobState): Outcome {
  if (command.type === 'SubmitJob') {
    if (state.status !== 'none') return refuse('already-submitted', `job ${state.jobId} exists already`);
    return accept({ type: 'JobSubmitted', data: { ...command.data, at: command.at } });
  }
  if (state.status === 'none') return refuse('unknown-job', 'there is no such job');
  switch (command.type) {
    case 'MatchJob':
      return match(command, state);
    case 'ExplainWait':
      return explainWait(command, state);
    case 'PlaceJob':
      return place(command, state);
    case 'RecordImageReady':
      if (state.status !== 'distributing') return wrongState(command, state);
      return accept({ type: 'JobImageReady', data: { ...command.data, at: command.at } });
    case 'StartJob':
      return start(command, state);
    case 'GrantRanks':
      return grant(command, state);
    case 'ConnectRanks':
    case 'JoinRanks':
    case 'WithdrawRanks':
      return grow(command, state);
    case 'MeetRanks':
      return state.grown.some((each) => each.first === command.data.first && !each.met)
        ? accept({ type: 'RanksMet', data: { ...command.data, at: command.at } })
        : accept();
    case 'RecordRankEnd':
      return recordRankEnd(command, state);
    case 'MoveRank':
      return moveRank(command, state);
    case 'EndJob':
      return end(command, state);
    case 'FinishJob':
      return finish(command, state);
    case 'LoseNodeOfJob':
      return loseNode(command.data, state, command.at);
    case 'RequeueJob':
      return requeue(command, state);
    case 'FinishRequeue':
      if (state.status !== 'requeueing') return wrongState(command, state);
      return accept({ type: 'JobRequeued', data: { reason: state.reason, at: command.at } });
    default:
      return command satisfies never;
  }
}

function wrongState(command: JobCommand, state: KnownJob): Outcome {
  return refuse('wrong-state', `${command.type} does not apply to job ${state.jobId}, which is ${state.status}`);
}

function match(command: Of<'MatchJob'>, state: KnownJob): Outcome {
  if (state.status !== 'queued') return wrongState(command, state);
  if (state.match?.imageDigest === command.data.imageDigest && state.match.memoryBytes === command.data.memoryBytes) return accept();
  return accept({ type: 'JobMatched', data: { ...command.data, at: command.at } });
}

function explainWait(command: Of<'ExplainWait'>, state: KnownJob): Outcome {
  if (state.status !== 'queued') return wrongState(command, state);
  if (state.reason === command.data.reason) return accept();
  return accept({ type: 'JobWaiting', data: { reason: command.data.reason, at: command.at } });
}

function place(command: Of<'PlaceJob'>, state: KnownJob): Outcome {
  if (state.status !== 'queued') return wrongState(command, state);
  if (state.match === undefined) return refuse('not-matched', `job ${state.jobId} has no image yet`);
  return accept({ type: 'JobPlaced', data: { ...command.data, at: command.at } });
}

function start(command: Of<'StartJob'>, state: KnownJob): Outcome {
  if (state.status !== 'booting') return wrongState(command, state);
  const reused = state.assignments.filter((assignment) => assignment.reused).length;
  const booted = state.assignments.length - reused;
  return accept({ type: 'JobStarted', data: { booted, reused, ...command.data, at: command.at } });
}

/** A rank's end ends the job when it is a bad one, or the last. A repeated report, or one of a job that is over, changes nothing. */
function recordRankEnd(command: Of<'RecordRankEnd'>, state: KnownJob): Outcome {
  const { at, data } = command;
  if (hasEnded(state) || state.status === 'requeueing' || state.ends.has(data.rank)) return accept();
  if (state.status !== 'running' && state.status !== 'ending') return wrongState(command, state);
  if (!state.assignments.some(({ rank, vmId }) => rank === data.rank && vmId === data.vmId)) {
    return refuse('unknown-rank', `job ${state.jobId} has no rank ${data.rank} on VM ${data.vmId}`);
  }
  const exited: JobEvent = { type: 'RankExited', data: { ...data, at } };
  if (state.status === 'ending') return explains(data, state) ? accept(exited, endingOf(data, at)) : accept(exited);
  // A rank that was killed while nobody had ended the job: its host is going down.
  if (data.cause === 'cancelled') return accept(exited, afterLoss(rankReason(data), state, at));
  if (!isCleanEnd(data.cause)) return accept(exited, endingOf(data, at));
  const last = state.ends.size + 1 === state.assignments.length;
  return last ? accept(exited, ending('exited', 0, '', at)) : accept(exited);
}

const programsOwn: ReadonlySet<EndCause> = new Set(['trapped', 'mpi-abort', 'no-finalize', 'output-limit', 'out-of-memory']);

/** Ranks that lose a peer fail in turn, and may be reported first: what a program did itself explains a failure that looked like ours. */
function explains({ cause }: RankEnd, { end: { cause: decided } }: Extract<KnownJob, { status: 'ending' }>): boolean {
  return decided === 'internal' && programsOwn.has(cause);
}

/** More ranks are numbered on from those that the job has had, and are claimed one growth at a time. */
function grant({ type, data, at }: Of<'GrantRanks'>, state: KnownJob): Outcome {
  if (state.status !== 'running') return wrongState({ type, data, at }, state);
  if (state.growing !== undefined) return refuse('growing', `job ${state.jobId} is getting other ranks at the moment`);
  const next = state.assignments.length;
  if (data.first !== next) return refuse('unknown-rank', `the next rank of job ${state.jobId} is ${next}`);
  return accept({ type: 'RanksGranted', data: { ...data, at } });
}

function grow(command: Of<'ConnectRanks'> | Of<'JoinRanks'> | Of<'WithdrawRanks'>, state: KnownJob): Outcome {
  const { first } = command.data;
  const { at } = command;
  const coming = state.growing?.first === first;
  if (command.type === 'WithdrawRanks') return coming ? accept({ type: 'RanksWithdrawn', data: { ...command.data, at } }) : accept();
  if (!coming) return refuse('unknown-rank', `no ranks from ${first} on are coming to job ${state.jobId}`);
  if (state.status !== 'running') return wrongState(command, state);
  return accept({ type: command.type === 'ConnectRanks' ? 'RanksConnecting' : 'RanksJoined', data: { first, at } });
}

/** What the map of VMs says: the rank's VM has another node by now. Again changes nothing. */
function moveRank({ data, at }: Of<'MoveRank'>, state: KnownJob): Outcome {
  if (hasEnded(state)) return accept();
  const known = state.assignments.find(({ rank, vmId }) => rank === data.rank && vmId === data.vmId);
  if (known === undefined) return refuse('unknown-rank', `job ${state.jobId} has no rank ${data.rank} on VM ${data.vmId}`);
  if (known.nodeId === data.nodeId && known.nodeEpoch === data.nodeEpoch) return accept();
  return accept({ type: 'RankMoved', data: { ...data, at } });
}

function endingOf(data: RankEnd, at: number): JobEvent {
  return ending(data.cause, data.exitCode, rankReason(data), at);
}

/** Why a rank's end ended the job: one line, then the report when there is one. */
function rankReason({ rank, cause, exitCode, detail }: RankEnd): string {
  const words: Partial<Record<EndCause, string>> = {
    'exit-nonzero': `rank ${rank} exited with code ${exitCode}`,
    trapped: `rank ${rank} crashed`,
    'mpi-abort': `rank ${rank} called MPI_Abort with code ${exitCode}`,
    'no-finalize': `rank ${rank} exited with code ${exitCode} without calling MPI_Finalize`,
    'output-limit': `rank ${rank} wrote more output than its limit`,
    'out-of-memory': `rank ${rank} needed more memory than its VM has`,
    cancelled: `rank ${rank} was killed`,
  };
  const line = words[cause] ?? `rank ${rank} ended (${cause})`;
  // A report begins with its rank, as it must when it stands alone.
  const report = detail.startsWith(`rank ${rank}: `) ? detail.slice(`rank ${rank}: `.length) : detail;
  return report === '' ? line : `${line}: ${report}`;
}

function ending(cause: EndCause, programCode: number, reason: string, at: number): JobEvent {
  return { type: 'JobEnding', data: { cause, exitCode: jobExitCode(cause, programCode), reason, at } };
}

function end(command: Of<'EndJob'>, state: KnownJob): Outcome {
  if (hasEnded(state) || state.status === 'ending') return accept();
  const { cause, programCode = 0, reason } = command.data;
  return accept(ending(cause, programCode, reason, command.at));
}

function finish(command: Of<'FinishJob'>, state: KnownJob): Outcome {
  if (hasEnded(state)) return accept();
  if (state.status !== 'ending') return wrongState(command, state);
  const { at } = command;
  const { cause, exitCode } = state.end;
  if (cause === 'exited') return accept({ type: 'JobCompleted', data: { exitCode, at } });
  const { reason } = state;
  if (cause === 'cancelled') return accept({ type: 'JobCancelled', data: { exitCode, reason, at } });
  return accept({ type: 'JobFailed', data: { cause, exitCode, reason, at } });
}

function requeue(command: Of<'RequeueJob'>, state: KnownJob): Outcome {
  if (state.status === 'queued' || state.status === 'requeueing') return accept();
  if (state.status !== 'distributing' && state.status !== 'booting') return wrongState(command, state);
  return accept(placedAnew(command.data.reason, state, command.at));
}

/** A job that is placed so often without ever having run takes its nodes down with it. */
const mostPlacements = 10;

function placedAnew(reason: string, state: KnownJob, at: number): JobEvent {
  const unstarted = state.placements - state.starts;
  if (unstarted < mostPlacements) return { type: 'JobRequeueing', data: { reason: `back in the queue: ${reason}`, at } };
  return ending('node-lost', 0, `${reason}; the job was placed ${unstarted} times and could not be started`, at);
}

/** A node is gone. What is being stopped already goes on being stopped; what is not there yet, or has ended there, loses nothing. */
function loseNode({ nodeId, reason }: Of<'LoseNodeOfJob'>['data'], state: KnownJob, at: number): Outcome {
  const here = state.assignments.filter((assignment) => assignment.nodeId === nodeId);
  if (here.length === 0) return accept();
  if (state.status === 'distributing' || state.status === 'booting') return accept(placedAnew(reason, state, at));
  if (state.status !== 'running' || here.every(({ rank }) => state.ends.has(rank))) return accept();
  return accept(afterLoss(reason, state, at));
}

/** Ranks ran on the node: whether they may run again is for the job to say. */
function afterLoss(reason: string, state: KnownJob, at: number): JobEvent {
  const { onNodeLoss = 'fail', maxRequeues = 0 } = state.spec;
  if (onNodeLoss === 'fail') return ending('node-lost', 0, reason, at);
  const before = requeuesOf(state);
  if (before < maxRequeues) return { type: 'JobRequeueing', data: { reason: `back in the queue: ${reason}`, at } };
  return ending('node-lost', 0, `${reason}; the job has been requeued ${before} times, and no more was asked for`, at);
}

export const jobDecider: Decider<JobCommand, JobEvent, JobState, JobRefusal> = { initial: noJob, decide: decideJob, evolve: evolveJob };
