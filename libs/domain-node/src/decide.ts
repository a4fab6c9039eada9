import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { NodeCommand } from './commands.ts';
import type { NodeEvent } from './events.ts';
import { evolveNode, unknownNode, type NodeState } from './state.ts';

export type NodeRefusal = 'unknown-node' | 'invalid-node';

type Outcome = Decision<NodeEvent, NodeRefusal>;

export function decideNode(command: NodeCommand, state: NodeState): Outcome {
  const { at } = command;
  if (command.type === 'RegisterNode') {
    const { node } = command.data;
    const whole = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;
    if (!whole(node.cores, 1) || !whole(node.memoryBytes, 1)) {
      return refuse(
        'invalid-node',
        `node ${node.name} declares ${node.cores} cores and ${node.memoryBytes} bytes of memory; it needs some of both`,
      );
    }
    const known = state.status === 'unknown' ? undefined : state;
    const epoch = (known?.epoch ?? 0) + 1;
    // A LID stays with its node: connections of others name it.
    const lid = known !== undefined && known.node.lid !== 0 ? known.node.lid : node.lid;
    return accept({ type: 'NodeRegistered', data: { node: { ...node, lid }, epoch, at } });
  }
  if (state.status === 'unknown') return refuse('unknown-node', 'there is no such node');
  switch (command.type) {
    case 'DrainNode':
      return state.drained === undefined ? accept({ type: 'NodeDrained', data: { reason: command.data.reason, at } }) : accept();
    case 'ResumeNode':
      return state.drained === undefined ? accept() : accept({ type: 'NodeResumed', data: { at } });
    case 'DisablePort':
      return state.portDisabled === true ? accept() : accept({ type: 'NodePortDisabled', data: { by: command.data.by, at } });
    case 'EnablePort':
      return state.portDisabled === true ? accept({ type: 'NodePortEnabled', data: { by: command.data.by, at } }) : accept();
    case 'LoseNode':
      if (state.status === 'lost') return accept();
      return accept({ type: 'NodeLost', data: { reason: command.data.reason, epoch: state.epoch + 1, at } });
    default:
      return command satisfies never;
  }
}

export const nodeDecider: Decider<NodeCommand, NodeEvent, NodeState, NodeRefusal> = {
  initial: unknownNode,
  decide: decideNode,
  evolve: evolveNode,
};
