/**
 * What a migration asks of a driver beside the Hypervisor port: programs that can leave their thread, and domains that take them in. A driver that
 * cannot is found out here, before anything has begun.
 */
import type { Domain, ProgramHandlers, RunningProgram } from '@verbena/hypervisor';
import { Refusal } from '../errors.ts';

export type ReleaseMode = 'same' | 'new-adapter';

/** Everything of a program but its memory and its files; what a node-agent reads of it, the rest is the driver's. */
export interface ProgramState {
  readonly imageDigest: string;
  readonly jobId: string;
  readonly rank: number;
  readonly size: number;
  readonly pkey: number;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly scratchBytes: number;
  readonly outputLimitBytes: number;
  readonly memoryBytes: number;
}

export interface ProgramFile {
  readonly place: 'scratch' | 'temporary';
  readonly path: readonly string[];
  readonly kind: 'file' | 'directory';
  readonly size: number;
  readonly modifiedMs: number;
  /** In pieces of at most 1 MiB. */
  content(): AsyncIterable<Uint8Array>;
}

export interface SuspendedProgram {
  readonly state: ProgramState;
  readonly memory: Uint8Array<SharedArrayBuffer>;
  files(): AsyncIterable<ProgramFile>;
  resume(): Promise<void>;
  discard(): Promise<void>;
}

export interface MovableProgram extends RunningProgram {
  memory(): Uint8Array<SharedArrayBuffer>;
  quiesce(epoch: number, options?: { readonly timeoutMs?: number }): Promise<unknown>;
  release(epoch: number, mode: ReleaseMode): void;
  suspend(options?: { readonly timeoutMs?: number }): Promise<SuspendedProgram>;
}

export interface RestoreSpec {
  readonly hostIndex: number;
  readonly hosts: number;
  readonly nodeName: string;
  readonly scratchDir: string;
  readonly files?: AsyncIterable<ProgramFile>;
  readonly handlers: ProgramHandlers;
}

export interface MovableDomain extends Domain {
  incoming(bytes: number): Uint8Array<SharedArrayBuffer>;
  restore(spec: RestoreSpec, state: ProgramState): Promise<MovableProgram>;
}

/** @throws {Refusal} not-movable, when the driver's programs cannot leave their thread */
export function movableProgram(program: RunningProgram | undefined): MovableProgram {
  if (program === undefined || !('suspend' in program) || !('quiesce' in program))
    throw new Refusal('not-movable', 'the programs of this hypervisor cannot be moved');
  return program as MovableProgram;
}

/** @throws {Refusal} not-movable */
export function movableDomain(domain: Domain): MovableDomain {
  if (!('restore' in domain)) throw new Refusal('not-movable', 'the domains of this hypervisor take no program from elsewhere');
  return domain as MovableDomain;
}
