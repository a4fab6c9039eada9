import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { VmCommand } from './commands.ts';
import type { AdapterShare, PartitionMember, VmEvent } from './events.ts';
import { evolveVm, isLive, noVm, type VmState } from './state.ts';

export type VmRefusal = 'unknown-vm' | 'already-created' | 'wrong-state' | 'handed-over' | 'stayed' | 'bad-share' | 'bad-partition';

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
      return loseVm(command.data, state);
    case 'HandOverVm':
      return handOver(command.data, state);
    case 'KeepVm':
      if (state.stayed === command.data.migrationId) return accept();
      if (state.movedBy === command.data.migrationId) return refuse('handed-over', `the VM is on ${state.nodeId} by now`);
      return when(isLive(state), { type: 'VmStayed', data: command.data });
    case 'SetShare':
      return setShare(command.data, state);
    case 'DetachFunction':
    case 'AttachFunction':
      return plugFunction(command, state);
    case 'SetPartition':
      return setPartition(command.data, state);
    default:
      return command satisfies never;
  }
}

/** The adapter of a VM is taken away and given back while its program runs; the next program begins with one. */
function plugFunction(
  { type, data }: Extract<VmCommand, { type: 'DetachFunction' | 'AttachFunction' }>,
  state: Exclude<VmState, { status: 'none' }>,
): Outcome {
  if (state.status !== 'running')
    return refuse('wrong-state', `a VM that is ${state.status} uses no adapter: it is detached while a program runs`);
  if ((state.detached ?? false) === (type === 'DetachFunction')) return accept();
  return accept(type === 'DetachFunction' ? { type: 'VmFunctionDetached', data } : { type: 'VmFunctionAttached', data });
}

/** Keys below are those of jobs, and the one above is the default partition. */
const [firstPartition, lastPartition] = [0x7000, 0x7ffe];

/** Beside the partition of the job, for the program that runs. */
function setPartition(data: PartitionMember & { readonly by: string }, state: Exclude<VmState, { status: 'none' }>): Outcome {
  const { partition, membership } = data;
  if (!Number.isInteger(partition) || partition < firstPartition || partition > lastPartition)
    return refuse('bad-partition', `partitions of operators are 0x7000 to 0x7ffe, not 0x${Number(partition).toString(16)}`);
  if (state.status !== 'running')
    return refuse('wrong-state', `a VM that is ${state.status} uses no adapter: it enters a partition while a program runs`);
  const now = state.partitions?.find((each) => each.partition === partition)?.membership ?? 'none';
  return now === membership ? accept() : accept({ type: 'VmPartitionSet', data });
}

const mostWeight = 255;
/** 2^26 bytes a millisecond, and at least one. */
const [leastRate, mostRate] = [1_000, 1_000 * 2 ** 26];

/** For the program that runs: the next one in the VM gets what all get. */
function setShare(
  { weight, bytesPerSecond, by }: AdapterShare & { readonly by: string },
  state: Exclude<VmState, { status: 'none' }>,
): Outcome {
  if (!Number.isInteger(weight) || weight < 1 || weight > mostWeight)
    return refuse('bad-share', `a weight is 1 to ${String(mostWeight)}, not ${String(weight)}`);
  if (!Number.isInteger(bytesPerSecond) || (bytesPerSecond !== 0 && (bytesPerSecond < leastRate || bytesPerSecond > mostRate)))
    return refuse(
      'bad-share',
      `a rate is ${String(leastRate)} to ${String(mostRate)} bytes a second, or 0 for none, not ${String(bytesPerSecond)}`,
    );
  if (state.status !== 'running')
    return refuse('wrong-state', `a VM that is ${state.status} uses no adapter: its share is set while a program runs`);
  const { share } = state;
  if (share?.weight === weight && share.bytesPerSecond === bytesPerSecond) return accept();
  return accept({ type: 'VmShareSet', data: { weight, bytesPerSecond, by } });
}

function loseVm({ reason, nodeId }: { readonly reason: string; readonly nodeId?: string }, state: VmState): Outcome {
  if (!isLive(state) || (nodeId !== undefined && state.nodeId !== nodeId)) return accept();
  return accept({ type: 'VmLost', data: { reason } });
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
