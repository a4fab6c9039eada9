export type { NodeCommand } from './commands.ts';
export { decideNode, nodeDecider, type NodeRefusal } from './decide.ts';
export type { NodeDescription, NodeEvent } from './events.ts';
export { evolveNode, unknownNode, type KnownNode, type NodeState } from './state.ts';
