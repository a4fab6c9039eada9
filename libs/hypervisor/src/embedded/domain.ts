/** A domain of the embedded driver. Its life is drawn in port.ts; its memory is new for each program, since wasm memory cannot shrink. */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  Domain,
  DomainActivity,
  DomainConfig,
  DomainCounters,
  DomainState,
  ProgramExit,
  ProgramSpec,
  RunningProgram,
} from '../port.ts';
import { noActivity, readActivity } from './activity.ts';
import { noTraffic, type AdapterCounters, type DomainAttachment, type PortBinding } from './adapter-binding.ts';
import { writeBootInfo } from './boot.ts';
import { Retired } from './collect-garbage.ts';
import { ControlBlock, word } from './control-block.ts';
import { collectCounters } from './counters.ts';
import { nextState, type DomainChange } from './domain-state.ts';
import type { GuestModule } from './module-cache.ts';
import { Program, type ProgramEnded } from './program.ts';
import type { DriverDomains } from './paths/driver-domains.ts';
import { openHostPath, type HostPath } from './paths/host-path.ts';
import { Profile, sampler } from './profile.ts';
import type { SpinPolicy } from './spin-policy.ts';
import type { VcpuThread, WorkerPool } from './worker-pool.ts';

export interface DomainEnvironment {
  readonly module: GuestModule;
  readonly pool: WorkerPool;
  readonly port: PortBinding | undefined;
  readonly spin: SpinPolicy;
  readonly drivers: DriverDomains;
  readonly consoleBytes: number;
  readonly openFiles: number;
  readonly onLog: (line: string) => void;
  readonly onDestroyed: () => void;
}

interface Machine {
  readonly memory: WebAssembly.Memory;
  readonly attachment: DomainAttachment | undefined;
}

const pageBytes = 65_536;
let temporaryDirectories = 0;
const retired = new Retired();

export class EmbeddedDomain implements Domain {
  readonly config: DomainConfig;
  readonly #environment: DomainEnvironment;
  readonly #control = new ControlBlock();
  readonly #listeners = new Set<(state: DomainState, detail: string) => void>();
  #state: DomainState = 'created';
  #thread: VcpuThread | undefined;
  #machine: Machine | undefined;
  #program: Program | undefined;
  #path: HostPath | undefined;
  #profile = new Profile();
  #endProfile: (() => void) | undefined;
  #lastTraffic: AdapterCounters = noTraffic;
  #lastMemoryBytes = 0;
  #lastDriverOperations = 0;
  #leaveCores: (() => void) | undefined;
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
      this.#machine = this.#newMachine();
      this.#watchIdleThread();
      this.#change('booted');
    } catch (error) {
      if (this.#state === 'booting') this.#change('crash', error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  #newMachine(): Machine {
    const { module, port } = this.#environment;
    const memory = new WebAssembly.Memory({
      initial: module.memory.initialPages,
      maximum: Math.floor(this.config.memoryBytes / pageBytes),
      shared: true,
    });
    return { memory, attachment: port?.attachDomain({ vmId: this.id, memory }) };
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
    const temporaryDir = join(tmpdir(), `verbena-tmp-${String(process.pid)}-${String(temporaryDirectories++)}`);
    const program = this.#launch(spec, temporaryDir);
    const exit = program.ended.then((ended) => this.#end(ended, temporaryDir));
    exit.catch(() => undefined);
    await program.started;
    return {
      exit,
      kill: async (reason) => {
        await program.kill(reason);
        await exit;
      },
    };
  }

  /** Gives the program to the vCPU. When that fails the domain is idle again, or crashed. */
  #launch(spec: ProgramSpec, temporaryDir: string): Program {
    const { module, port, openFiles, consoleBytes, onLog, spin, drivers } = this.#environment;
    try {
      const [machine, thread] = [this.#machine, this.#thread];
      if (machine === undefined || thread === undefined) throw new Error(`domain ${this.id} has no machine: this is a fault of the driver`);
      const { memory, attachment } = machine;
      this.#control.reset();
      writeBootInfo(memory, this.config, spec, { slot: attachment?.slot ?? 0, lid: port?.lid ?? 0, guid: port?.guid ?? 0n, spinNs: 0 });
      this.#leaveCores = spin.enter(memory);
      const { pkey, rank, size, args, env, scratchDir, scratchBytes, outputLimitBytes, stdin = new Uint8Array(), ioPath = 'bypass' } = spec;
      const path = openHostPath({ ioPath, port, attachment, drivers, pkey, vmId: this.id });
      this.#path = path;
      const { adapter, frontend } = path;
      const limits = { scratchBytes, outputLimitBytes, memoryLimitBytes: this.config.memoryBytes, openFiles };
      const places = { scratchDir, temporaryDir };
      this.#program = new Program({
        ...{ spec, thread, control: this.#control, memory, consoleBytes, onLog },
        transfer: adapter === undefined ? [] : [adapter.port],
        order: {
          module: module.module,
          ...(adapter && { adapter }),
          ...(frontend && { frontend }),
          ioPath,
          rank,
          size,
          args,
          env,
          stdin,
          ...places,
          ...limits,
        },
      });
      this.#watchTime(path, attachment);
      return this.#program;
    } catch (error) {
      this.#renew('end', 'the program could not be started');
      throw error;
    }
  }

  #watchTime(path: HostPath, attachment: DomainAttachment | undefined): void {
    const profile = new Profile();
    const what = { control: this.#control, attachment, servedByDriver: () => path.servedByDriver(), direct: path.adapter !== undefined };
    this.#profile = profile;
    this.#endProfile = sampler.watch((seconds) => profile.sample(what, seconds));
  }

  async #end({ outcome, clean, recover }: ProgramEnded, temporaryDir: string): Promise<ProgramExit> {
    const machine = this.#machine;
    this.#endProfile?.();
    await this.#path?.close();
    this.#program = undefined;
    if (recover) machine?.attachment?.recover();
    this.#lastTraffic = machine?.attachment?.counters() ?? noTraffic;
    this.#lastMemoryBytes = machine?.memory.buffer.byteLength ?? 0;
    this.#lastDriverOperations = this.#path?.driverDomainOperations() ?? 0;
    const counters = this.counters();
    this.#path = undefined;
    this.#retireMachine();
    if (this.#control.load(word.temporaryFiles) === 1) await rm(temporaryDir, { recursive: true, force: true }).catch(() => undefined);
    if (clean) this.#renew('end', outcome.cause);
    else if (this.#state !== 'shut-down') this.#change('crash', `${outcome.cause}: ${outcome.detail}`);
    return { ...outcome, counters };
  }

  /** A new machine for the next program; a domain that cannot have one is crashed. */
  #renew(change: DomainChange, detail: string): void {
    this.#retireMachine();
    if (this.#state === 'shut-down') return;
    try {
      this.#machine = this.#newMachine();
    } catch (error) {
      this.#change('crash', `no new machine: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    this.#watchIdleThread();
    this.#change(change, detail);
  }

  #retireMachine(): void {
    this.#leaveCores?.();
    this.#leaveCores = undefined;
    if (this.#machine === undefined) return;
    this.#machine.attachment?.detach();
    retired.add(this.#machine.memory.buffer.byteLength);
    this.#machine = undefined;
  }

  async pause(): Promise<void> {
    const program = this.#program;
    if (program === undefined || this.#state !== 'running')
      throw new Error(`domain ${this.id} is ${this.#state}: only a running one can be paused`);
    await program.pause();
    if (this.#program === program && this.#state === 'running') this.#change('pause');
  }

  resume(): Promise<void> {
    if (this.#state !== 'paused') return Promise.reject(new Error(`domain ${this.id} is ${this.#state}: only a paused one can be resumed`));
    this.#change('resume');
    this.#program?.resume();
    return Promise.resolve();
  }

  activity(): DomainActivity {
    if (this.#program === undefined || this.#machine === undefined) return noActivity;
    return readActivity(this.#machine.memory, this.#control, this.#machine.attachment?.counters() ?? noTraffic);
  }

  counters(): DomainCounters {
    const runs = this.#program === undefined ? undefined : this.#machine;
    return collectCounters(
      this.#control,
      runs === undefined ? this.#lastTraffic : (runs.attachment?.counters() ?? noTraffic),
      runs === undefined ? this.#lastMemoryBytes : runs.memory.buffer.byteLength,
      { driverOperations: this.#path?.driverDomainOperations() ?? this.#lastDriverOperations, seconds: this.#profile.seconds },
    );
  }

  destroy(reason: string): Promise<void> {
    return (this.#destroyed ??= this.#destroy(reason));
  }

  async #destroy(reason: string): Promise<void> {
    const program = this.#program;
    const healthy = this.#state === 'idle';
    this.#change('destroy', reason);
    await program?.kill(reason);
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
