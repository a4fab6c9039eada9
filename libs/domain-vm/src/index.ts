export type { VmCommand } from './commands.ts';
export { decideVm, vmDecider, type VmRefusal } from './decide.ts';
export type { AdapterShare, PartitionMember, VmEvent } from './events.ts';
export { evolveVm, isLive, noVm, type EndedVm, type LiveVm, type VmState } from './state.ts';
