/** Joins what the thread, the domain and the order know of a suspended program; and makes an order of it where it goes on. */
import type { DomainConfig, ProgramSpec } from '../port.ts';
import type { ProgramState, RestoreSpec } from '../suspended.ts';
import type { AdapterCounters } from './adapter-binding.ts';
import { word, type ControlBlock } from './control-block.ts';
import { keepCounters, restoreCounters } from './counters.ts';
import { epochOf } from './safepoint-request.ts';
import type { SuspendedPart } from './worker-protocol.ts';

export interface StateParts {
  readonly config: DomainConfig;
  readonly spec: ProgramSpec;
  readonly part: SuspendedPart;
  readonly control: ControlBlock;
  readonly traffic: AdapterCounters;
  readonly memoryBytes: number;
}

export function stateOf({ config, spec, part, control, traffic, memoryBytes }: StateParts): ProgramState {
  const { jobId, rank, size, world, pkey, jobSeed, args, env, scratchBytes, outputLimitBytes, ioPath = 'bypass' } = spec;
  return {
    ...{ jobId, rank, size, pkey, jobSeed, args: [...args], env: { ...env }, scratchBytes, outputLimitBytes, ioPath },
    ...(world && { world: { ...world } }),
    ...{ imageDigest: config.image.digest, memoryBytes, memoryLimitBytes: config.memoryBytes },
    ...part,
    counters: keepCounters(control),
    traffic,
    outOfMemory: control.load(word.outOfMemory) === 1,
  };
}

export function specOf(spec: RestoreSpec, state: ProgramState): ProgramSpec {
  const { jobId, rank, size, world, pkey, jobSeed, args, env, scratchBytes, outputLimitBytes, stdin, ioPath } = state;
  const { hostIndex, hosts, nodeName, scratchDir, handlers } = spec;
  return {
    ...{ jobId, rank, size, pkey, jobSeed, args, env, scratchBytes, outputLimitBytes, stdin, ioPath },
    ...{ hostIndex, hosts, nodeName, scratchDir, handlers },
    ...(world && { world }),
  };
}

/** The control block of a domain in which a program from elsewhere is about to go on. */
export function restoreControl(control: ControlBlock, state: ProgramState, hasTemporaryFiles: boolean): void {
  restoreCounters(control, state.counters);
  control.store(word.outOfMemory, state.outOfMemory ? 1 : 0);
  control.store(word.quiesce, epochOf(state));
  control.store(word.temporaryFiles, hasTemporaryFiles ? 1 : 0);
}
