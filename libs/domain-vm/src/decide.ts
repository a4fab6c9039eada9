import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { VmCommand } from './commands.ts';
import type { VmEvent } from './events.ts';
import { evolveVm, isLive, noVm, type VmState } from './state.ts';

export type VmRefusal = 'unknown-vm' | 'already-created' | 'wrong-state' | 'handed-over' | 'stayed';

type Outcome = Decision<VmEvent, VmRefusal>;

export function decideVm(command: VmCommand, state: VmState): Outcome {
  if (command.type === 'CreateVm') {
    if (state.status !== 'none') return refuse('already-created', 'the VM exists already');
    return accept({ type: 'VmCreated', data: command.data });
  }
  if (state.status === 'none') return refuse('unknown-vm', 'there is no such VM');
  const when = (applies: boolean, event: VmEvent): Outcome =>
    applies ? accept(event) : refuse('wrong-state', `${command.type} does not apply to a VM that is ${state.status}`);
  switch (command.type) {
    case 'RecordBoot':
      return when(state.status === 'booting', { type: 'VmBooted', data: command.data });
    case 'StartProgram':
      return when(state.status === 'idle', { type: 'VmStarted', data: command.data });
    case 'ReleaseVm':
      return when(state.status === 'running', { type: 'VmIdle', data: command.data });
    case 'CrashVm':
      return when(isLive(state), { type: 'VmCrashed', data: command.data });
    case 'ShutDownVm':
      return isLive(state) ? accept({ type: 'VmShutDown', data: command.data }) : accept();
    case 'LoseVm':
      return isLive(state) ? accept({ type: 'VmLost', data: command.data }) : accept();
    case 'HandOverVm':
      return handOver(command.data, state);
    case 'KeepVm':
      if (state.stayed === command.data.migrationId) return accept();
      if (state.movedBy === command.data.migrationId) return refuse('handed-over', `the VM is on ${state.nodeId} by now`);
      return when(isLive(state), { type: 'VmStayed', data: command.data });
    default:
      return command satisfies never;
  }
}

/** Once for each migration, from the node that has the VM, and never after its owner has called the migration off. */
function handOver(data: Extract<VmCommand, { type: 'HandOverVm' }>['data'], state: Exclude<VmState, { status: 'none' }>): Outcome {
  if (state.movedBy === data.migrationId) return accept();
  if (state.stayed === data.migrationId) return refuse('stayed', `${state.nodeId} has called the migration off`);
  if (state.status !== 'running') return refuse('wrong-state', `a VM that is ${state.status} is not handed over`);
  if (state.nodeId !== data.fromNodeId) return refuse('wrong-state', `the VM is on ${state.nodeId}, not ${data.fromNodeId}`);
  return accept({ type: 'VmHandedOver', data });
}

export const vmDecider: Decider<VmCommand, VmEvent, VmState, VmRefusal> = { initial: noVm, decide: decideVm, evolve: evolveVm };
