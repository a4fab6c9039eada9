/**
 * One distribution of an image to nodes.
 *
 *   none --Planned--> under-way --NodeReceived, Replanned--> under-way --Completed--> completed
 *                         +------------------------------------------------Failed--> failed
 */
import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { DistributionEvent } from './events.ts';
import { nodesOf, planTrees, roundsFor, type TreeNode } from './tree.ts';

interface Command<T extends string, D> {
  readonly type: T;
  readonly at: number;
  readonly data: D;
}

export type DistributionCommand =
  | Command<
      'PlanDistribution',
      { imageDigest: string; jobId: string; nodes: readonly string[]; alreadyThere: readonly string[]; bytesPerNode: number }
    >
  | Command<'RecordReceipt', { nodeId: string; bytes: number; chunks: number }>
  /** Tries again with those that have not received, saying why each had failed. */
  | Command<'ReplanDistribution', { failed: Readonly<Record<string, string>> }>
  | Command<'CompleteDistribution', Record<never, never>>
  | Command<'FailDistribution', { reason: string }>;

interface Planned {
  readonly imageDigest: string;
  readonly jobId: string;
  /** Those that lacked the image. */
  readonly nodes: readonly string[];
  readonly bytesPerNode: number;
  readonly rounds: number;
  /** The present plan. */
  readonly trees: readonly TreeNode[];
  readonly attempts: number;
  /** Bytes by node that has received. */
  readonly received: Readonly<Record<string, number>>;
}

export type DistributionState =
  | { readonly status: 'none' }
  | (Planned & { readonly status: 'under-way' | 'completed' })
  | (Planned & { readonly status: 'failed'; readonly reason: string });

export type DistributionRefusal = 'unknown-distribution' | 'already-planned' | 'unknown-node' | 'incomplete' | 'ended';

type Outcome = Decision<DistributionEvent, DistributionRefusal>;

export const noDistribution: DistributionState = { status: 'none' };

/** Nodes of the plan that have not received yet, in order. */
export function outstanding(state: DistributionState): readonly string[] {
  return state.status === 'none' ? [] : state.nodes.filter((node) => state.received[node] === undefined);
}

export function bytesReceived(state: DistributionState): number {
  return state.status === 'none' ? 0 : Object.values(state.received).reduce((sum, bytes) => sum + bytes, 0);
}

export function decideDistribution(command: DistributionCommand, state: DistributionState): Outcome {
  const { at } = command;
  if (command.type === 'PlanDistribution') {
    if (state.status !== 'none') return refuse('already-planned', 'the distribution is planned already');
    const nodes = [...new Set(command.data.nodes)];
    return accept({
      type: 'DistributionPlanned',
      data: { ...command.data, nodes, rounds: roundsFor(nodes.length), trees: planTrees(nodes), at },
    });
  }
  if (state.status === 'none') return refuse('unknown-distribution', 'there is no such distribution');
  if (state.status !== 'under-way') return refuse('ended', `the distribution is ${state.status}`);
  switch (command.type) {
    case 'RecordReceipt': {
      const { nodeId } = command.data;
      if (state.received[nodeId] !== undefined) return accept();
      const planned = nodesOf(state.trees).find((node) => node.nodeId === nodeId);
      if (planned === undefined) return refuse('unknown-node', `node ${nodeId} is not in the plan`);
      return accept({ type: 'NodeReceived', data: { ...command.data, round: planned.round, at } });
    }
    case 'ReplanDistribution': {
      const left = outstanding(state);
      return accept({
        type: 'DistributionReplanned',
        data: { failed: command.data.failed, rounds: roundsFor(left.length), trees: planTrees(left), at },
      });
    }
    case 'CompleteDistribution': {
      const left = outstanding(state);
      if (left.length > 0) return refuse('incomplete', `${left.join(', ')} did not receive the image yet`);
      return accept({ type: 'DistributionCompleted', data: { bytes: bytesReceived(state), at } });
    }
    case 'FailDistribution':
      return accept({ type: 'DistributionFailed', data: { reason: command.data.reason, at } });
    default:
      return command satisfies never;
  }
}

export function evolveDistribution(state: DistributionState, event: DistributionEvent): DistributionState {
  if (event.type === 'DistributionPlanned') {
    const { imageDigest, jobId, nodes, bytesPerNode, rounds, trees } = event.data;
    return { status: 'under-way', imageDigest, jobId, nodes, bytesPerNode, rounds, trees, attempts: 1, received: {} };
  }
  if (state.status === 'none') return state;
  switch (event.type) {
    case 'NodeReceived':
      return { ...state, received: { ...state.received, [event.data.nodeId]: event.data.bytes } };
    case 'DistributionReplanned':
      return { ...state, trees: event.data.trees, rounds: state.rounds + event.data.rounds, attempts: state.attempts + 1 };
    case 'DistributionCompleted':
      return { ...state, status: 'completed' };
    case 'DistributionFailed':
      return { ...state, status: 'failed', reason: event.data.reason };
    default:
      return event satisfies never;
  }
}

export const distributionDecider: Decider<DistributionCommand, DistributionEvent, DistributionState, DistributionRefusal> = {
  initial: noDistribution,
  decide: decideDistribution,
  evolve: evolveDistribution,
};
