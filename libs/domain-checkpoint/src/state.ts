/**
 *   none --Started--> standing --Taken--> storing --Stored--> stored --Removing--> removing --Removed--> removed
 *                      |  ^ |                |
 *            Quiescing +--+ +-------+--------+
 *                                   v
 *                               Undoing --> undoing --> failed | cancelled
 *
 * Only a stored one is whole: jobs start from no other. While it is `standing` the ranks of the job are stopped and captured, which one life of the
 * controller does from beginning to end: a cut of which a part was taken by somebody else could not be known to be one.
 */
import type { CheckpointEvent, CheckpointPlan, RankSaved, RankStood, Saved } from './events.ts';

interface Begun extends CheckpointPlan {
  readonly startedAt: number;
  /** Where the ranks were asked to stand still; undefined before. */
  readonly nodeIds: readonly string[] | undefined;
  readonly quiescingAt: number | undefined;
}

/** What is known once the ranks run again. */
interface Taken {
  /** Under which the ranks had stopped their channels. */
  readonly epoch: number;
  readonly pauseMs: number;
  readonly stood: readonly RankStood[];
}

interface Whole extends Taken, Saved {
  readonly saved: readonly RankSaved[];
  readonly storedAt: number;
}

export type CheckpointState =
  | { readonly status: 'none' }
  | (Begun & { readonly status: 'standing' })
  | (Begun & Taken & { readonly status: 'storing' })
  | (Begun & Whole & { readonly status: 'stored' })
  | (Begun & Whole & { readonly status: 'removing' | 'removed'; readonly why: string })
  | (Begun & { readonly status: 'undoing'; readonly cause: 'failed' | 'cancelled'; readonly why: string })
  | (Begun & { readonly status: 'failed' | 'cancelled'; readonly why: string; readonly endedAt: number });

export type KnownCheckpoint = Exclude<CheckpointState, { status: 'none' }>;
export type StoredCheckpoint = Extract<CheckpointState, { status: 'stored' }>;

export const noCheckpoint: CheckpointState = { status: 'none' };

export function isKnownCheckpoint(state: CheckpointState): state is KnownCheckpoint {
  return state.status !== 'none';
}

/** Whether something is still to be done for it. */
export function isLiveCheckpoint({ status }: CheckpointState): boolean {
  return status === 'standing' || status === 'storing' || status === 'undoing' || status === 'removing';
}

/** Whether it has become what it can: it is stored, or came to nothing. */
export function checkpointSettled({ status }: CheckpointState): boolean {
  return status === 'stored' || status === 'removing' || status === 'removed' || status === 'failed' || status === 'cancelled';
}

export function evolveCheckpoint(state: CheckpointState, event: CheckpointEvent): CheckpointState {
  if (event.type === 'CheckpointStarted') {
    const { at, ...plan } = event.data;
    return { status: 'standing', ...plan, startedAt: at, nodeIds: undefined, quiescingAt: undefined };
  }
  if (state.status === 'none') return state;
  switch (event.type) {
    case 'CheckpointQuiescing':
      return { ...state, nodeIds: event.data.nodeIds, quiescingAt: event.data.at };
    case 'CheckpointTaken': {
      const { epoch, pauseMs, stood } = event.data;
      return state.status === 'standing' ? { ...state, status: 'storing', epoch, pauseMs, stood } : state;
    }
    case 'CheckpointStored': {
      const { bytes, newBytes, changedPages, ranks, at } = event.data;
      if (state.status !== 'storing') return state;
      return { ...state, status: 'stored', bytes, newBytes, changedPages, saved: ranks, storedAt: at };
    }
    case 'CheckpointUndoing':
      return { ...begunOf(state), status: 'undoing', cause: event.data.cause, why: event.data.reason };
    case 'CheckpointFailed':
      return { ...begunOf(state), status: 'failed', why: event.data.reason, endedAt: event.data.at };
    case 'CheckpointCancelled':
      return { ...begunOf(state), status: 'cancelled', why: event.data.reason, endedAt: event.data.at };
    case 'CheckpointRemoving':
      return state.status === 'stored' ? { ...state, status: 'removing', why: event.data.reason } : state;
    case 'CheckpointRemoved':
      return state.status === 'removing' ? { ...state, status: 'removed', why: event.data.reason } : state;
    default:
      return event satisfies never;
  }
}

function begunOf(state: KnownCheckpoint): Begun {
  const { jobId, tenant, attempt, number, ranks, base, reason, startedAt, nodeIds, quiescingAt } = state;
  return { jobId, tenant, attempt, number, ranks, base, reason, startedAt, nodeIds, quiescingAt };
}
