/** A domain of the embedded driver. Its life is drawn in port.ts; its memory is new for each program, since wasm memory cannot shrink. */
import { rm } from 'node:fs/promises';
import type { Domain, DomainActivity, DomainConfig, DomainCounters, DomainState } from '../port.ts';
import type { ProgramExit, ProgramSpec, RunningProgram } from '../port.ts';
import { SuspendError, type ProgramState, type RestoreSpec } from '../suspended.ts';
import { noActivity, readActivity } from './activity.ts';
import { noTraffic, type AdapterCounters, type PortBinding } from './adapter-binding.ts';
import { ControlBlock, word } from './control-block.ts';
import { checkState, checkSuspendable } from './check-state.ts';
import { collectCounters, sumOfTraffic } from './counters.ts';
import { nextState, type DomainChange } from './domain-state.ts';
import { launch, type Launcher } from './launch.ts';
import { Machine, type MachineEnvironment } from './machine.ts';
import type { GuestModule } from './module-cache.ts';
import { pathCounters, type HostPath } from './paths/host-path.ts';
import { Execution } from './execution.ts';
import { newTemporaryDir, removeProgramFiles, writeProgramFiles } from './program-files.ts';
import { specOf, stateOf } from './program-state.ts';
import type { Program, ProgramEnded, ProgramLeft } from './program.ts';
import { Profile } from './profile.ts';
import type { VcpuThread, WorkerPool } from './worker-pool.ts';
import type { SuspendedPart } from './worker-protocol.ts';

export interface DomainEnvironment extends MachineEnvironment, Omit<Launcher, 'config' | 'machine' | 'thread' | 'control'> {
  readonly module: GuestModule;
  readonly port: PortBinding | undefined;
  readonly pool: WorkerPool;
  readonly onDestroyed: () => void;
}

export class EmbeddedDomain implements Domain {
  readonly config: DomainConfig;
  readonly #environment: DomainEnvironment;
  readonly #control = new ControlBlock();
  readonly #listeners = new Set<(state: DomainState, detail: string) => void>();
  #state: DomainState = 'created';
  #thread: VcpuThread | undefined;
  #machine: Machine | undefined;
  #execution: Execution | undefined;
  /** The idle machine's memory holds pages of a program that is to come. */
  #receives = false;
  /** Of the adapters that the program had before this one. */
  #earlierTraffic: AdapterCounters = noTraffic;
  #profile = new Profile();
  #lastTraffic: AdapterCounters = noTraffic;
  #lastMemoryBytes = 0;
  #path: HostPath | undefined;
  #lastPath = pathCounters();
  #booting: Promise<void> | undefined;
  #destroyed: Promise<void> | undefined;

  constructor(config: DomainConfig, environment: DomainEnvironment) {
    this.config = config;
    this.#environment = environment;
  }

  get id(): DomainConfig['id'] {
    return this.config.id;
  }

  get state(): DomainState {
    return this.#state;
  }

  onState(listener: (state: DomainState, detail: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #change(change: DomainChange, detail = ''): void {
    const next = nextState(this.#state, change);
    if (next === undefined) throw new Error(`domain ${this.id} is ${this.#state}: it cannot ${change}`);
    this.#state = next;
    for (const listener of this.#listeners) listener(next, detail);
  }

  async boot(): Promise<void> {
    this.#change('boot');
    this.#booting = this.#start();
    await this.#booting;
  }

  async #start(): Promise<void> {
    try {
      const thread = await this.#environment.pool.take();
      if (this.#destroyed !== undefined) {
        this.#environment.pool.giveBack(thread);
        throw new Error(`domain ${this.id} was destroyed while it booted`);
      }
      this.#thread = thread;
      this.#machine = new Machine(this.config, this.#environment);
      this.#watchIdleThread();
      this.#change('booted');
    } catch (error) {
      if (this.#state === 'booting') this.#change('crash', error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** A thread that is lost while no program runs takes the domain with it. */
  #watchIdleThread(): void {
    this.#thread?.listen({
      onMessage: () => undefined,
      onLost: (error) => {
        if (this.#state === 'idle') this.#change('crash', `the thread of the vCPU was lost: ${error.message}`);
      },
    });
  }

  async exec(spec: ProgramSpec): Promise<RunningProgram> {
    this.#change('exec', `job ${spec.jobId}, rank ${String(spec.rank)}`);
    const execution = this.#newExecution(spec, newTemporaryDir());
    await this.#started(execution);
    return execution;
  }

  /** A program that could not be launched leaves an idle domain. One that ended at once is ended like any other. */
  async #started(execution: Execution, from?: ProgramState): Promise<ProgramLeft | undefined> {
    try {
      if (this.#receives && from === undefined) this.#replaceMachine();
      return await execution.start(from);
    } catch (error) {
      this.#execution = undefined;
      if (this.#state === 'running') this.#renew('end', 'the program could not be started');
      throw error;
    }
  }

  incoming(bytes: number): Uint8Array<SharedArrayBuffer> {
    const grown = this.#idleMachine().grownTo(bytes);
    this.#receives = true;
    return grown;
  }

  incomingMemory(): WebAssembly.Memory {
    return this.#idleMachine().memory;
  }

  #idleMachine(): Machine {
    if (this.#state === 'idle' && this.#machine !== undefined) return this.#machine;
    throw new Error(`domain ${this.id} is ${this.#state}: only an idle one takes a program`);
  }

  async restore(spec: RestoreSpec, state: ProgramState): Promise<RunningProgram> {
    const machine = this.#idleMachine();
    const places = { scratch: spec.scratchDir, temporary: newTemporaryDir() };
    try {
      checkState(state, { config: this.config, ...this.#environment, received: machine.byteLength });
      if (spec.files !== undefined) await writeProgramFiles(spec.files, places, state.scratchBytes);
      this.#change('restore', `job ${state.jobId}, rank ${String(state.rank)}`);
    } catch (error) {
      if (spec.files !== undefined) await removeProgramFiles(places);
      if (this.#state === 'idle') this.#replaceMachine();
      throw error;
    }
    const execution = this.#newExecution(specOf(spec, state), places.temporary);
    const left = await this.#started(execution, state);
    if (left?.kind !== 'ended') return execution;
    await execution.exit;
    throw new Error(`the program could not go on: ${left.ended.outcome.detail}`);
  }

  #newExecution(spec: ProgramSpec, temporaryDir: string): Execution {
    this.#execution = new Execution(spec, temporaryDir, {
      launch: (execution, from) => this.#launch(execution, from),
      checkSuspend: () => {
        checkSuspendable(this.#environment.module, spec.ioPath, this.#state);
      },
      suspended: (part) => this.#suspended(part),
      resources: () => this.#machine?.attachment?.resources() ?? 0,
      resuming: () => void this.#change('resume'),
      ended: (ended) => this.#end(ended, temporaryDir),
    });
    return this.#execution;
  }

  /** Gives the program to the vCPU. */
  #launch(execution: Execution, from: ProgramState | undefined): Program {
    const [machine, thread] = [this.#machine, this.#thread];
    if (machine === undefined || thread === undefined) throw new Error(`domain ${this.id} has no machine: this is a fault of the driver`);
    if (!execution.resumed) this.#earlierTraffic = from?.traffic ?? noTraffic;
    this.#receives = false;
    const { program, path } = launch(
      { ...this.#environment, config: this.config, machine, thread, control: this.#control },
      execution,
      from,
    );
    this.#path = path;
    this.#profile = machine.profile;
    return program;
  }

  #suspended(part: SuspendedPart): { readonly state: ProgramState; readonly memory: Uint8Array<SharedArrayBuffer> } {
    const [execution, machine] = [this.#execution, this.#machine];
    if (execution === undefined || machine === undefined) throw new SuspendError('ended', `domain ${this.id} has no program any more`);
    this.#change('suspend');
    machine.rest();
    const [memory, config] = [machine.bytes(), this.config];
    const parts = { config, part, spec: execution.spec, control: this.#control, traffic: this.#traffic(), memoryBytes: memory.length };
    return { state: stateOf(parts), memory };
  }

  #traffic(): AdapterCounters {
    return sumOfTraffic(this.#earlierTraffic, this.#path?.traffic() ?? this.#machine?.traffic() ?? noTraffic);
  }

  async #end({ outcome, clean, recover }: ProgramEnded, temporaryDir: string): Promise<ProgramExit> {
    const machine = this.#machine;
    await this.#path?.close();
    this.#execution = undefined;
    if (recover) machine?.attachment?.recover();
    this.#lastTraffic = this.#traffic();
    this.#lastMemoryBytes = machine?.byteLength ?? 0;
    this.#lastPath = pathCounters(this.#path);
    const counters = this.counters();
    this.#path = undefined;
    this.#retireMachine();
    if (this.#control.load(word.temporaryFiles) === 1) await rm(temporaryDir, { recursive: true, force: true }).catch(() => undefined);
    if (clean) this.#renew('end', outcome.cause);
    else if (this.#state !== 'shut-down') this.#change('crash', `${outcome.cause}: ${outcome.detail}`);
    return { ...outcome, counters };
  }

  /** Zeroed memory for an idle domain that began to receive a program which does not come. */
  #replaceMachine(): void {
    this.#retireMachine();
    this.#machine = new Machine(this.config, this.#environment);
  }

  /** A new machine for the next program; a domain that cannot have one is crashed. */
  #renew(change: DomainChange, detail: string): void {
    this.#retireMachine();
    if (this.#state === 'shut-down') return;
    try {
      this.#machine = new Machine(this.config, this.#environment);
    } catch (error) {
      this.#change('crash', `no new machine: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    this.#watchIdleThread();
    this.#change(change, detail);
  }

  #retireMachine(): void {
    this.#receives = false;
    this.#machine?.retire();
    this.#machine = undefined;
  }

  async pause(): Promise<void> {
    const program = this.#execution?.program;
    if (program === undefined || this.#state !== 'running')
      throw new Error(`domain ${this.id} is ${this.#state}: only a running one can be paused`);
    await program.pause();
    if (this.#execution?.program === program && this.#state === 'running') this.#change('pause');
  }

  resume(): Promise<void> {
    if (this.#state !== 'paused') return Promise.reject(new Error(`domain ${this.id} is ${this.#state}: only a paused one can be resumed`));
    this.#change('resume');
    this.#execution?.program?.resume();
    return Promise.resolve();
  }

  activity(): DomainActivity {
    if (this.#execution === undefined || this.#machine === undefined) return noActivity;
    return readActivity(this.#machine.memory, this.#control, this.#traffic());
  }

  counters(): DomainCounters {
    const runs = this.#execution === undefined ? undefined : this.#machine;
    return collectCounters(
      this.#control,
      runs === undefined ? this.#lastTraffic : this.#traffic(),
      runs === undefined ? this.#lastMemoryBytes : runs.byteLength,
      { ...(this.#path === undefined ? this.#lastPath : pathCounters(this.#path)), seconds: this.#profile.seconds },
    );
  }

  destroy(reason: string): Promise<void> {
    return (this.#destroyed ??= this.#destroy(reason));
  }

  async #destroy(reason: string): Promise<void> {
    const execution = this.#execution;
    const healthy = this.#state === 'idle';
    this.#change('destroy', reason);
    await execution?.kill(reason);
    await this.#booting?.catch(() => undefined);
    this.#retireMachine();
    const thread = this.#thread;
    this.#thread = undefined;
    if (thread !== undefined) {
      if (healthy) this.#environment.pool.giveBack(thread);
      else await thread.terminate();
    }
    this.#environment.onDestroyed();
  }
}
