/**
 * One program in a domain, seen from the main thread: from the order to run until its last output is delivered.
 *
 * A program ends when the vCPU's thread says `ended`, is lost, or is terminated here. It is asked before it is stopped: a vCPU that enters
 * the VMM, or sleeps in it, unwinds by itself and leaves the domain clean; one that computes on is terminated after a short grace.
 */
import type { ProgramSpec, SpawnAnswer, SpawnRequest } from '../port.ts';
import { SuspendError } from '../suspended.ts';
import { ConsoleReader, createConsoleRing } from './console-ring.ts';
import {
  ATTENTION_KILL,
  ATTENTION_PAUSE,
  SUSPEND_NONE,
  SUSPEND_WANTED,
  VCPU_BLOCKED,
  VCPU_PARKED,
  VCPU_STOPPED,
  VCPU_WAITING,
  word,
  type ControlBlock,
} from './control-block.ts';
import { Throttle } from './throttle.ts';
import { answerSpawn, askAtPoll, unwakeGuest, wakeGuest } from './guest-events.ts';
import { VB_POLL_PAUSE, VB_POLL_SUSPEND, VB_POLL_THROTTLE } from '@verbena/guest-abi';
import { EXIT_INTERNAL, EXIT_KILLED, type ProgramOutcome } from './program-end.ts';
import { GuestMemory } from './guest-memory.ts';
import { judged } from './judgement.ts';
import { nullWatch } from './null-zone.ts';
import { defaultTimeoutMs, SafepointRequest, withoutPolls } from './safepoint-request.ts';
import type { VcpuThread } from './worker-pool.ts';
import type { FromVcpu, RunOrder, SuspendedPart } from './worker-protocol.ts';
import type { TransferListItem } from 'node:worker_threads';

/** How long a vCPU that was asked to stop may take to reach the VMM. */
const killGraceMs = 30;
/** How long a program may take to unwind after it has ended. */
const unwindMs = 1000;
const refusedSpawn: SpawnAnswer = { kind: 'refused' };

export interface ProgramEnded {
  readonly outcome: ProgramOutcome;
  /** The vCPU's thread still runs and nothing of the program is left on it. */
  readonly clean: boolean;
  /** The program stopped at an instruction of its own: the adapter may hold something of it. */
  readonly recover: boolean;
}

/** How a program leaves its thread: for good, or to go on later. */
export type ProgramLeft =
  { readonly kind: 'ended'; readonly ended: ProgramEnded } | { readonly kind: 'suspended'; readonly part: SuspendedPart };

export interface ProgramOptions {
  readonly spec: ProgramSpec;
  readonly thread: VcpuThread;
  readonly control: ControlBlock;
  readonly memory: WebAssembly.Memory;
  readonly order: Omit<RunOrder, 'type' | 'run' | 'control' | 'console' | 'memory'>;
  readonly transfer: readonly TransferListItem[];
  readonly consoleBytes: number;
  readonly onLog: (line: string) => void;
}

export class Program {
  readonly #options: Pick<ProgramOptions, 'spec' | 'thread' | 'control' | 'onLog'>;
  /** Dropped at the end, so that whoever keeps the program does not keep its memory. */
  #memory: WebAssembly.Memory | undefined;
  readonly #reader: ConsoleReader;
  readonly #run: number;
  readonly #started = Promise.withResolvers<undefined>();
  readonly #left = Promise.withResolvers<ProgramLeft>();
  readonly #safepoint: SafepointRequest;
  readonly #throttle: Throttle;
  readonly #polls: boolean;
  #suspending: { readonly refuse: (error: SuspendError) => void } | undefined;
  #parked: (() => void) | undefined;
  #ending: ProgramOutcome | undefined;
  #killReason: string | undefined;
  /** Why the hypervisor has ended the program itself. */
  #fault: ProgramOutcome | undefined;
  readonly #unwatch: () => void;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(options: ProgramOptions) {
    const { spec, thread, order, transfer, memory, control, onLog } = options;
    this.#options = { spec, thread, control, onLog };
    this.#memory = memory;
    this.#polls = order.suspendable?.polls ?? false;
    this.#throttle = new Throttle(control, (held) => this.#askAtPoll(VB_POLL_THROTTLE, held));
    this.#safepoint = new SafepointRequest(control, () => this.#memory, this.#polls);
    const ring = createConsoleRing(options.consoleBytes);
    this.#reader = new ConsoleReader(ring, (stream, data) => spec.handlers.output(stream, data));
    thread.listen({
      onMessage: (message) => {
        this.#receive(message);
      },
      onLost: (error) => {
        this.#lost(error);
      },
    });
    this.#unwatch = nullWatch.add({
      memory,
      onWrite: () => {
        this.#fault = judged({ cause: 'exited', exitCode: 0, detail: '' }, { ...order, control, memory: new GuestMemory(memory) });
        void this.kill('it wrote through a null pointer');
      },
    });
    this.#run = thread.run({ ...order, type: 'run', control: control.shared, console: ring, memory }, transfer);
  }

  /** Resolves when the first instruction is about to run, or with how the program failed before that. */
  get started(): Promise<ProgramLeft | undefined> {
    return Promise.race([this.#started.promise, this.#left.promise]);
  }

  /** Resolves when nothing of the program runs and all of its output is delivered. Never rejects. */
  get left(): Promise<ProgramLeft> {
    return this.#left.promise;
  }

  get safepoint(): SafepointRequest {
    return this.#safepoint;
  }

  get memory(): WebAssembly.Memory | undefined {
    return this.#memory;
  }

  #receive(message: FromVcpu): void {
    if (this.#over) return;
    switch (message.type) {
      case 'ready':
        return;
      case 'started':
        return this.#started.resolve(undefined);
      case 'parked':
        return this.#parked?.();
      case 'log':
        return this.#options.onLog(message.line);
      case 'rendezvous':
        return void this.#rendezvous(message.generation, message.card);
      case 'spawn':
        return void this.#spawn(message.request);
      case 'safepoint':
        return this.#safepoint.reached(message.epoch, message.flags);
      case 'suspend-refused':
        return this.#suspending?.refuse(new SuspendError('not-suspendable', `the program cannot be suspended now: ${message.reason}`));
      case 'suspended':
        return void this.#suspended(message.part);
      case 'ending':
        this.#ending ??= message.outcome;
        this.#timer ??= setTimeout(() => void this.#stop(), unwindMs);
        return;
      case 'ended':
        return void this.#finish({ outcome: message.outcome, clean: true, recover: message.unclean });
    }
  }

  async #rendezvous(generation: number, card: Uint8Array): Promise<void> {
    const { spec, thread, control } = this.#options;
    try {
      thread.answer({ run: this.#run, cards: await spec.handlers.rendezvous(generation, card) });
    } catch (error) {
      thread.answer({ run: this.#run, failed: error instanceof Error ? error.message : String(error) });
    }
    control.ring();
  }

  async #spawn(request: SpawnRequest): Promise<void> {
    const { spawn } = this.#options.spec.handlers;
    const answer = await (spawn?.(request) ?? Promise.resolve(refusedSpawn)).catch((error: unknown) => {
      this.#options.onLog(`a request for more processes failed: ${error instanceof Error ? error.message : String(error)}`);
      return refusedSpawn;
    });
    if (this.#memory !== undefined) answerSpawn(this.#memory, answer);
  }

  #lost(error: Error): void {
    const outcome: ProgramOutcome = {
      cause: 'internal',
      exitCode: EXIT_INTERNAL,
      detail: `the thread of the vCPU was lost: ${error.message}`,
    };
    void this.#finish({ outcome: this.#ending ?? outcome, clean: false, recover: true });
  }

  async #finish(ended: ProgramEnded): Promise<void> {
    if (this.#over) return;
    await this.#leave();
    this.#suspending?.refuse(new SuspendError('ended', 'the program ended before it could be suspended'));
    this.#left.resolve({ kind: 'ended', ended: { ...ended, outcome: this.#explained(ended.outcome) } });
  }

  async #suspended(part: SuspendedPart): Promise<void> {
    if (this.#killReason !== undefined)
      return this.#finish({ outcome: { cause: 'killed', exitCode: EXIT_KILLED, detail: '' }, clean: true, recover: false });
    this.#askAtPoll(VB_POLL_SUSPEND, false);
    if (this.#memory !== undefined) unwakeGuest(this.#memory);
    await this.#leave();
    const { failure } = this.#reader;
    if (failure === undefined) this.#left.resolve({ kind: 'suspended', part });
    else
      this.#left.resolve({
        kind: 'ended',
        ended: { outcome: this.#explained({ cause: 'internal', exitCode: EXIT_INTERNAL, detail: '' }), clean: true, recover: false },
      });
  }

  async #leave(): Promise<void> {
    this.#over = true;
    this.#unwatch();
    this.#safepoint.ended();
    this.#memory = undefined;
    clearTimeout(this.#timer);
    this.#throttle.set(1);
    this.#options.thread.listen(undefined);
    await this.#reader.finish();
  }

  /** The vCPU does not know why it was killed, and nobody has told yet that output was lost. */
  #explained(outcome: ProgramOutcome): ProgramOutcome {
    if (outcome.cause === 'killed') return this.#fault ?? { ...outcome, detail: this.#killReason ?? outcome.detail };
    const { failure } = this.#reader;
    if (failure === undefined) return outcome;
    const words = failure instanceof Error ? failure.message : String(failure);
    return { ...outcome, detail: [outcome.detail, `output was lost: ${words}`].filter((text) => text !== '').join('\n') };
  }

  /** Resolves when the guest no longer runs: asleep, parked at its next call into the VMM, or ended. A guest that computes runs until that call. */
  async pause(): Promise<void> {
    const { control } = this.#options;
    const parked = new Promise<void>((resolve) => (this.#parked = resolve));
    Atomics.or(control.words, word.attention, ATTENTION_PAUSE);
    this.#askAtPoll(VB_POLL_PAUSE, true);
    const state = control.load(word.state);
    if (state === VCPU_BLOCKED || state === VCPU_WAITING || state === VCPU_PARKED || state === VCPU_STOPPED) return;
    await Promise.race([parked, this.#left.promise]);
  }

  resume(): void {
    const { words } = this.#options.control;
    Atomics.and(words, word.attention, ~ATTENTION_PAUSE);
    this.#askAtPoll(VB_POLL_PAUSE, false);
    Atomics.notify(words, word.attention);
  }

  #askAtPoll(what: number, wanted: boolean): void {
    if (this.#memory !== undefined) askAtPoll(this.#memory, what, wanted);
  }

  /** Gives the program this share of its time; 1: all of it. */
  throttle(share: number): void {
    this.#throttle.set(this.#over ? 1 : share);
  }

  /** Asks the vCPU to leave the program in its next blocking call or poll. Resolves when it has left it, one way or the other. */
  async suspend(timeoutMs = defaultTimeoutMs): Promise<ProgramLeft> {
    const { control } = this.#options;
    if (this.#over) throw new SuspendError('ended', 'the program has ended');
    if (this.#suspending !== undefined) throw new SuspendError('busy', 'the program is being suspended already');
    this.#throttle.set(1);
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      if (Atomics.compareExchange(control.words, word.suspend, SUSPEND_WANTED, SUSPEND_NONE) !== SUSPEND_WANTED) return;
      reject(new SuspendError('timeout', `it computes and did not stop within ${String(timeoutMs)} ms${withoutPolls(this.#polls)}`));
    }, timeoutMs);
    this.#suspending = { refuse: reject };
    try {
      control.store(word.suspend, SUSPEND_WANTED);
      control.ring();
      this.#askAtPoll(VB_POLL_SUSPEND, true);
      if (this.#memory !== undefined) wakeGuest(this.#memory);
      return await Promise.race([this.#left.promise, promise]);
    } finally {
      clearTimeout(timer);
      this.#askAtPoll(VB_POLL_SUSPEND, false);
      this.#suspending = undefined;
    }
  }

  /** Stops the program, whatever it does. Resolves as `left` does. */
  async kill(reason: string): Promise<void> {
    if (this.#killReason === undefined && !this.#over) {
      this.#killReason = reason;
      this.#ask();
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#stop(), killGraceMs);
    }
    await this.#left.promise;
  }

  /** Sets the request and wakes the vCPU wherever it sleeps. */
  #ask(): void {
    const { control } = this.#options;
    Atomics.or(control.words, word.attention, ATTENTION_KILL);
    Atomics.notify(control.words, word.attention);
    control.ring();
    this.#reader.wakeWriter();
    if (this.#memory !== undefined) wakeGuest(this.#memory);
  }

  async #stop(): Promise<void> {
    const { thread, control } = this.#options;
    if (this.#over) return;
    const cpuSeconds = await thread.cpuSeconds(250);
    if (cpuSeconds !== undefined) control.setCounter('cpuSeconds', cpuSeconds);
    await thread.terminate();
    const killed: ProgramOutcome = { cause: 'killed', exitCode: EXIT_KILLED, detail: '' };
    await this.#finish({ outcome: this.#ending ?? killed, clean: false, recover: true });
  }
}
