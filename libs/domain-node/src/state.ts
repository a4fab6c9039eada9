/**
 *   unknown --Registered--> ready <--Registered, Resumed / Drained--> drained
 *   ready | drained --Lost--> lost --Registered--> ready, or drained when it was: an operator's word outlives the host's restarts
 */
import type { NodeDescription, NodeEvent } from './events.ts';

export type NodeState =
  | { readonly status: 'unknown' }
  | {
      readonly status: 'ready' | 'drained' | 'lost';
      readonly node: NodeDescription;
      readonly epoch: number;
      /** Why it takes no new work; undefined when it does. */
      readonly drained: string | undefined;
      /** An operator has taken its port of the subnet down; it stays so when the host registers again. */
      readonly portDisabled?: boolean;
      /** Why it is lost. */
      readonly reason: string;
    };

export type KnownNode = Exclude<NodeState, { status: 'unknown' }>;

export const unknownNode: NodeState = { status: 'unknown' };

export function evolveNode(state: NodeState, event: NodeEvent): NodeState {
  if (event.type === 'NodeRegistered') {
    const drained = state.status === 'unknown' ? undefined : state.drained;
    const { node, epoch } = event.data;
    const disabled = state.status !== 'unknown' && state.portDisabled === true;
    return {
      status: drained === undefined ? 'ready' : 'drained',
      node,
      epoch,
      drained,
      reason: '',
      ...(disabled && { portDisabled: true }),
    };
  }
  if (state.status === 'unknown') return state;
  switch (event.type) {
    case 'NodeDrained':
      return { ...state, status: state.status === 'lost' ? 'lost' : 'drained', drained: event.data.reason };
    case 'NodeResumed':
      return { ...state, status: state.status === 'lost' ? 'lost' : 'ready', drained: undefined };
    case 'NodePortDisabled':
      return { ...state, portDisabled: true };
    case 'NodePortEnabled':
      return { ...state, portDisabled: false };
    case 'NodeLost':
      return { ...state, status: 'lost', reason: event.data.reason, epoch: event.data.epoch };
    default:
      return event satisfies never;
  }
}
