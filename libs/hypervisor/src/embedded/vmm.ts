/**
 * What every call from the guest into the VMM shares, on the thread of its vCPU: the guest's memory, the control block, sleeping, and the
 * point where requests of the main thread (pause, kill) are honoured.
 */
import { GuestMemory } from './guest-memory.ts';
import {
  ATTENTION_KILL,
  ATTENTION_PAUSE,
  ATTENTION_THROTTLE,
  ATTENTION_UNWINDING,
  VCPU_PARKED,
  VCPU_RUNNING,
  word,
  type ControlBlock,
} from './control-block.ts';
import { EXIT_INTERNAL, EXIT_KILLED, ProgramEnd, type ProgramOutcome } from './program-end.ts';
import type { FromVcpu } from './worker-protocol.ts';

const ranOn = 'a function that Asyncify did not instrument ran on while the program was being suspended: its state is lost';

export class Vmm {
  readonly memory: GuestMemory;
  readonly control: ControlBlock;
  readonly post: (message: FromVcpu) => void;
  /** The program runs outside any domain: its calls are system calls and count as no VMM operations. */
  readonly native: boolean;
  /** What the guest's own system does when it has nothing else to do; it runs in the guest's time. */
  beforeSleep: () => void = () => undefined;
  #ended: ProgramEnd | undefined;

  constructor(memory: WebAssembly.Memory, control: ControlBlock, post: (message: FromVcpu) => void, native = false) {
    this.memory = new GuestMemory(memory);
    this.control = control;
    this.post = post;
    this.native = native;
  }

  /** Counts a call and honours requests. A program that caught its own end meets it again here. */
  enter(slot: number): void {
    this.control.countCall(slot, this.native);
    if (!this.native) this.control.words[word.inVmm] = slot + 1;
    if (this.#ended !== undefined) throw this.#ended;
    if (this.control.load(word.attention) !== 0) this.checkpoint();
  }

  /** The call is over, and the guest runs again. */
  leave(): void {
    this.control.words[word.inVmm] = 0;
  }

  /** Parks for as long as a pause is wanted; throws when the program is to end. */
  checkpoint(): void {
    for (;;) {
      const attention = this.control.load(word.attention);
      if ((attention & ATTENTION_KILL) !== 0) this.end({ cause: 'killed', exitCode: EXIT_KILLED, detail: '' });
      if ((attention & ATTENTION_UNWINDING) !== 0) this.end({ cause: 'internal', exitCode: EXIT_INTERNAL, detail: ranOn });
      if ((attention & (ATTENTION_PAUSE | ATTENTION_THROTTLE)) === 0) return;
      this.control.store(word.state, VCPU_PARKED);
      this.post({ type: 'parked' });
      Atomics.wait(this.control.words, word.attention, attention);
      this.control.store(word.state, VCPU_RUNNING);
    }
  }

  /**
   * Sleeps once in `wait`, visible as `state` to the main thread, and honours requests afterwards.
   * @param wait must return when the main thread asks for attention: wait on the bell, or on something that the main thread changes as well
   */
  sleep(state: number, wait: () => void): void {
    const { control } = this;
    const inside = control.load(word.inVmm);
    control.words[word.inVmm] = 0;
    this.beforeSleep();
    control.words[word.inVmm] = inside;
    control.store(word.state, state);
    if ((control.load(word.attention) & ATTENTION_KILL) === 0) wait();
    control.store(word.state, VCPU_RUNNING);
    Atomics.add(control.words, word.wakes, 1);
    if (control.load(word.attention) !== 0) this.checkpoint();
  }

  /** Ends the program. The main thread is told first: whatever the guest does with the exception, it is over. */
  end(outcome: ProgramOutcome): never {
    this.#ended ??= new ProgramEnd(outcome);
    this.post({ type: 'ending', outcome: this.#ended.outcome });
    throw this.#ended;
  }

  /** How the program ended, once it did so in a call. */
  get ended(): ProgramOutcome | undefined {
    return this.#ended?.outcome;
  }
}
