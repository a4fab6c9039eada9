import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { VmCommand } from './commands.ts';
import type { VmEvent } from './events.ts';
import { evolveVm, isLive, noVm, type VmState } from './state.ts';

export type VmRefusal = 'unknown-vm' | 'already-created' | 'wrong-state';

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
    default:
      return command satisfies never;
  }
}

export const vmDecider: Decider<VmCommand, VmEvent, VmState, VmRefusal> = { initial: noVm, decide: decideVm, evolve: evolveVm };
