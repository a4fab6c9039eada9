/** A state comes from another host, or from a file: what it says is checked before anything is made of it. The guest's memory needs no check: it is hostile anyhow. */
import { VB_HC_BLOCK, VB_HC_POLL, VB_HC_SAFEPOINT, VB_STACK_SIZE } from '@verbena/guest-abi';
import type { DomainConfig, DomainState, IoPath } from '../port.ts';
import { SuspendError, type OpenFile, type ProgramState } from '../suspended.ts';
import { worldOf } from './boot.ts';
import type { GuestModule } from './module-cache.ts';
import { checkFilePath } from './program-files.ts';
import { misshapen } from './state-shape.ts';

const restartable: ReadonlySet<number> = new Set([VB_HC_BLOCK, VB_HC_POLL, VB_HC_SAFEPOINT]);
const timeLimit = 2n ** 62n;

export interface Receiver {
  readonly config: DomainConfig;
  readonly module: GuestModule;
  readonly openFiles: number;
  /** Bytes of memory that have been received. */
  readonly received: number;
}

/** The other paths keep something of the guest in another domain, or have it in none. */
const movable: ReadonlySet<IoPath> = new Set<IoPath>(['bypass', 'vmm', 'sriov']);

/** @throws SuspendError when a program in a domain of this state cannot be suspended */
export function checkSuspendable({ suspendable }: GuestModule, ioPath: IoPath | undefined, state: DomainState): void {
  if (typeof suspendable === 'string') throw new SuspendError('not-suspendable', `the program cannot be suspended: ${suspendable}`);
  if (!movable.has(ioPath ?? 'bypass'))
    throw new SuspendError('not-suspendable', `a program on the I/O path ${ioPath ?? 'bypass'} cannot be suspended`);
  if (state !== 'running') throw new SuspendError('busy', `the domain is ${state}: only a running program is suspended`);
}

/** @throws Error that says what does not fit */
export function checkState(state: ProgramState, { config, module, openFiles, received }: Receiver): void {
  const refuse: (why: string) => never = (why) => {
    throw new Error(`domain ${config.id} cannot go on with this program: ${why}`);
  };
  const { suspendable } = module;
  if (typeof suspendable === 'string') return refuse(suspendable);
  const wrong = misshapen(state);
  if (wrong.length > 0) refuse(`its state is damaged: ${wrong.join(', ')}`);
  if (state.imageDigest !== config.image.digest) refuse(`it runs the image ${state.imageDigest}, the domain has ${config.image.digest}`);
  if (!movable.has(state.ioPath)) refuse(`it is on the I/O path ${state.ioPath}`);
  const { memoryBytes, memoryLimitBytes } = state;
  if (memoryLimitBytes !== config.memoryBytes)
    refuse(`its memory is limited to ${String(memoryLimitBytes)} bytes, the domain's to ${String(config.memoryBytes)}`);
  if (!Number.isInteger(memoryBytes / 65_536) || memoryBytes > config.memoryBytes || memoryBytes < module.memory.initialPages * 65_536)
    refuse(`it has ${String(memoryBytes)} bytes of memory`);
  if (memoryBytes !== received) refuse(`it has ${String(memoryBytes)} bytes of memory, and ${String(received)} were received`);
  if (!within(state.rank, state.size) || !within(state.size, 2 ** 20)) refuse(`rank ${String(state.rank)} of ${String(state.size)}`);
  const { first, size: worldSize, firstSize } = worldOf(state);
  if (first + worldSize > state.size || firstSize > state.size || !within(state.rank - first, worldSize))
    refuse('its MPI_COMM_WORLD is impossible');
  if (!within(state.rendezvous, 2 ** 31)) refuse('its number of rendezvous is impossible');
  if (state.stackRecord % 16 !== 0 || !within(state.stackRecord, VB_STACK_SIZE)) refuse('its stack record lies outside its stack');
  for (const [name, value] of Object.entries(state.globals))
    if (!suspendable.globals.includes(name) || !Number.isInteger(value)) refuse(`it has a global ${name} that the image does not have`);
  for (const name of suspendable.globals) if (!Object.hasOwn(state.globals, name)) refuse(`its global ${name} is missing`);
  const { call } = state;
  if (call.kind === 'hypercall' ? !restartable.has(call.nr) : call.nr !== 0) refuse('it was suspended in a call that cannot be finished');
  for (const time of [call.begunNs, state.monotonicNs, state.cpuNs]) if (time < 0n || time > timeLimit) refuse('its clocks are impossible');
  const taken = new Set<number>();
  for (const file of state.files) {
    if (!within(file.fd, openFiles) || taken.has(file.fd)) refuse(`its file descriptor ${String(file.fd)} is impossible`);
    taken.add(file.fd);
    checkFile(file);
  }
}

function checkFile(file: OpenFile): void {
  if ('path' in file && !(file.kind === 'directory' && file.path.length === 0)) checkFilePath(file.path);
  if ('offset' in file && !(Number.isSafeInteger(file.offset) && file.offset >= 0))
    throw new Error(`the offset of file descriptor ${String(file.fd)} is impossible`);
}

const within = (value: number, limit: number): boolean => Number.isInteger(value) && value >= 0 && value < limit;
