/** A hypervisor whose programs are TypeScript functions: what a node-agent does around a guest can be told as a story without one. */
import type {
  Domain,
  DomainActivity,
  DomainConfig,
  DomainState,
  Hypervisor,
  ProgramExit,
  ProgramSpec,
  RunningProgram,
} from '@verbena/hypervisor';
import { SuspendError } from '@verbena/hypervisor';
import { noCounters } from '../jobs/exit-report.ts';

export interface FakeMachine {
  readonly spec: ProgramSpec;
  readonly killed: AbortSignal;
  /** What the domain seems to do, until it is set again. */
  activity: DomainActivity;
}

export type FakeProgram = (machine: FakeMachine) => Promise<Partial<ProgramExit> | undefined>;

const awake: DomainActivity = { blocked: false, activity: 0n, waitsFor: '', mpiState: 'initialized' };

/** Functions of TypeScript cannot leave their thread. */
const neverMoves: Pick<RunningProgram, 'memory' | 'quiesce' | 'release' | 'grow' | 'suspend' | 'throttle'> = {
  grow: () => undefined,
  memory: () => new Uint8Array(new SharedArrayBuffer(0)),
  quiesce: () => Promise.reject(new SuspendError('not-suspendable', 'a fake program cannot be quiesced')),
  release: () => undefined,
  throttle: () => undefined,
  suspend: () => Promise.reject(new SuspendError('not-suspendable', 'a fake program cannot be suspended')),
};

class FakeDomain implements Domain {
  readonly config: DomainConfig;
  readonly #owner: FakeHypervisor;
  state: DomainState = 'created';
  #machine: FakeMachine | undefined;
  #kill = new AbortController();
  readonly #listeners = new Set<(state: DomainState, detail: string) => void>();

  constructor(config: DomainConfig, owner: FakeHypervisor) {
    this.config = config;
    this.#owner = owner;
  }

  get id(): DomainConfig['id'] {
    return this.config.id;
  }

  boot(): Promise<void> {
    if (this.#owner.bootError !== undefined) return Promise.reject(new Error(this.#owner.bootError));
    this.state = 'idle';
    this.#owner.log.push(`boot ${this.id}`);
    return Promise.resolve();
  }

  exec(spec: ProgramSpec): Promise<RunningProgram> {
    if (this.#owner.execErrors.has(spec.rank)) return Promise.reject(new Error(this.#owner.execErrors.get(spec.rank)));
    this.state = 'running';
    this.#owner.log.push(`exec ${this.id} rank ${String(spec.rank)}`);
    this.#kill = new AbortController();
    const kill = this.#kill;
    const machine: FakeMachine = { spec, killed: kill.signal, activity: awake };
    this.#machine = machine;
    const killed = new Promise<ProgramExit>((resolve) => {
      kill.signal.addEventListener('abort', () => {
        resolve({ cause: 'killed', exitCode: 137, detail: String(kill.signal.reason), counters: noCounters });
      });
    });
    const ran = this.#owner
      .program(machine)
      .then((exit): ProgramExit => ({ cause: 'exited', exitCode: 0, detail: '', counters: noCounters, ...exit }));
    const exit = Promise.race([ran, killed]).then((end) => {
      if (this.state === 'running')
        this.state = end.cause === 'exited' || end.cause === 'no-finalize' || end.cause === 'mpi-abort' ? 'idle' : 'crashed';
      return end;
    });
    return Promise.resolve({
      exit,
      ...neverMoves,
      kill: async (reason: string) => {
        kill.abort(reason);
        await exit;
      },
    });
  }

  incoming(): never {
    throw new Error('a fake domain takes no program from elsewhere');
  }

  incomingMemory(): never {
    throw new Error('a fake domain takes no program from elsewhere');
  }

  restore(): Promise<never> {
    return Promise.reject(new Error('a fake domain takes no program from elsewhere'));
  }

  pause(): Promise<void> {
    return Promise.resolve();
  }

  resume(): Promise<void> {
    return Promise.resolve();
  }

  activity(): DomainActivity {
    return this.#machine?.activity ?? awake;
  }

  counters(): typeof noCounters {
    return noCounters;
  }

  destroy(reason: string): Promise<void> {
    this.#kill.abort(reason);
    if (this.state !== 'shut-down') this.#owner.log.push(`destroy ${this.id}`);
    this.state = 'shut-down';
    this.#owner.forget(this);
    return Promise.resolve();
  }

  onState(listener: (state: DomainState, detail: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What a driver does whose thread is lost. */
  crash(detail: string): void {
    this.state = 'crashed';
    for (const listener of this.#listeners) listener('crashed', detail);
  }
}

export class FakeHypervisor implements Hypervisor {
  readonly driverDomains = [];
  readonly name = 'fake';
  /** What was asked of it, in order. */
  readonly log: string[] = [];
  readonly #domains = new Map<string, FakeDomain>();
  program: FakeProgram = () => Promise.resolve(undefined);
  bootError: string | undefined;
  readonly execErrors = new Map<number, string>();

  createDomain(config: DomainConfig): Promise<Domain> {
    const domain = new FakeDomain(config, this);
    this.#domains.set(config.id, domain);
    return Promise.resolve(domain);
  }

  domain(id: DomainConfig['id']): FakeDomain | undefined {
    return this.#domains.get(id);
  }

  domains(): readonly Domain[] {
    return [...this.#domains.values()];
  }

  forget(domain: FakeDomain): void {
    this.#domains.delete(domain.id);
  }

  async close(): Promise<void> {
    for (const domain of this.domains()) await domain.destroy('the hypervisor closes');
    this.log.push('close');
  }
}
