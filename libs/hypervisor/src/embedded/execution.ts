/** A program in a domain from its beginning, or its arrival, to its end: over every time that it is suspended and resumed. */
import type { ProgramExit, ProgramSpec, RunningProgram } from '../port.ts';
import {
  SuspendError,
  type ProgramState,
  type Quiesced,
  type QuiesceOptions,
  type ReleaseMode,
  type SuspendedProgram,
} from '../suspended.ts';
import { growBootInfo, worldOf } from './boot.ts';
import { EXIT_KILLED, type ProgramOutcome } from './program-end.ts';
import { readProgramFiles } from './program-files.ts';
import type { Program, ProgramEnded, ProgramLeft } from './program.ts';
import { epochOf } from './safepoint-request.ts';
import type { SuspendedPart } from './worker-protocol.ts';
import { sharedBuffer } from './shared-buffer.ts';

/** What the domain does for its program. */
export interface ExecutionHost {
  /** Gives the program to the vCPU; `from` when it goes on. @throws Error when that is not possible */
  launch(execution: Execution, from: ProgramState | undefined): Program;
  /** Whether the program could be suspended now. @throws SuspendError */
  checkSuspend(): void;
  /** The program has left the thread. */
  suspended(part: SuspendedPart): { readonly state: ProgramState; readonly memory: Uint8Array<SharedArrayBuffer> };
  /** Objects at the adapter. */
  resources(): number;
  /** It is about to be on the thread again. */
  resuming(): void;
  ended(ended: ProgramEnded): Promise<ProgramExit>;
}

const nothing = new Uint8Array(new SharedArrayBuffer(0));

export class Execution implements RunningProgram {
  #spec: ProgramSpec;
  readonly temporaryDir: string;
  /** It was here before it was suspended. */
  resumed = false;
  readonly #host: ExecutionHost;
  readonly #exit = Promise.withResolvers<ProgramExit>();
  #program: Program | undefined;
  #suspended = false;
  #ending = false;

  constructor(spec: ProgramSpec, temporaryDir: string, host: ExecutionHost) {
    this.#spec = spec;
    this.temporaryDir = temporaryDir;
    this.#host = host;
    this.#exit.promise.catch(() => undefined);
  }

  get spec(): ProgramSpec {
    return this.#spec;
  }

  get exit(): Promise<ProgramExit> {
    return this.#exit.promise;
  }

  get program(): Program | undefined {
    return this.#program;
  }

  /** Resolves when the program is about to run, or with how it ended before that. @throws Error when it cannot be launched */
  async start(from?: ProgramState): Promise<ProgramLeft | undefined> {
    const program = this.#host.launch(this, from);
    this.#program = program;
    void program.left.then((left) => {
      if (left.kind === 'ended') this.#end(left.ended);
    });
    return program.started;
  }

  #end(ended: ProgramEnded): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#program = undefined;
    this.#host.ended(ended).then(this.#exit.resolve, this.#exit.reject);
  }

  memory(): Uint8Array<SharedArrayBuffer> {
    const memory = this.#program?.memory;
    return memory === undefined ? nothing : new Uint8Array(sharedBuffer(memory));
  }

  throttle(share: number): void {
    this.#program?.throttle(share);
  }

  quiesce(epoch: number, options: QuiesceOptions = {}): Promise<Quiesced> {
    if (this.#program === undefined) return Promise.reject(new SuspendError('ended', 'the program does not run'));
    this.#program.throttle(1);
    return this.#program.safepoint.quiesce(epoch, options);
  }

  grow(size: number, hosts: number): void {
    const memory = this.#program?.memory;
    if (memory === undefined || size < this.#spec.size) return;
    this.#spec = { ...this.#spec, world: worldOf(this.#spec), size, hosts };
    growBootInfo(memory, size, hosts);
  }

  release(epoch: number, mode: ReleaseMode): void {
    this.#program?.safepoint.release(epoch, mode);
  }

  async suspend(options: { readonly timeoutMs?: number } = {}): Promise<SuspendedProgram> {
    const program = this.#program;
    if (program === undefined) throw new SuspendError(this.#suspended ? 'busy' : 'ended', 'the program does not run');
    this.#host.checkSuspend();
    const left = await program.suspend(options.timeoutMs);
    if (left.kind === 'ended') throw new SuspendError('ended', 'the program ended before it could be suspended');
    const { state, memory } = this.#host.suspended(left.part);
    this.#program = undefined;
    this.#suspended = true;
    const suspended: SuspendedProgram = {
      state,
      memory,
      files: () => readProgramFiles({ scratch: this.spec.scratchDir, temporary: this.temporaryDir }),
      resume: () => this.#resume(state),
      discard: () => this.#leave({ cause: 'moved', exitCode: 0, detail: '' }),
    };
    const resources = this.#host.resources();
    if (resources === 0 || standsAtSafepoint(state)) return suspended;
    await suspended.resume();
    throw new SuspendError(
      'uses-adapter',
      `the program has ${String(resources)} objects at the adapter and is not at a safepoint: quiesce it first`,
    );
  }

  async #resume(state: ProgramState): Promise<void> {
    if (!this.#suspended || this.#ending) throw new SuspendError('ended', 'the program is not suspended any more');
    this.#suspended = false;
    this.resumed = true;
    this.#host.resuming();
    try {
      await this.start(state);
    } catch (error) {
      const detail = `the program could not be resumed: ${error instanceof Error ? error.message : String(error)}`;
      this.#end({ outcome: { cause: 'internal', exitCode: 70, detail }, clean: true, recover: false });
      throw error;
    }
  }

  async #leave(outcome: ProgramOutcome): Promise<void> {
    if (!this.#suspended) throw new SuspendError('busy', 'the program is not suspended any more');
    this.#suspended = false;
    this.#end({ outcome, clean: true, recover: false });
    await this.exit;
  }

  async kill(reason: string): Promise<void> {
    if (this.#suspended) return this.#leave({ cause: 'killed', exitCode: EXIT_KILLED, detail: reason });
    await this.#program?.kill(reason);
    if (this.#suspended) return this.kill(reason);
    await this.exit;
  }
}

const standsAtSafepoint = (state: ProgramState): boolean => epochOf(state) !== 0;
