/**
 * Leaving the thread of a vCPU, by Asyncify (github.com/WebAssembly/binaryen, src/passes/Asyncify.cpp): in a blocking import the guest is told
 * to unwind; each of its functions writes its locals to a record in guest memory and returns. To go on, `_start` is called again: each
 * function takes its locals back and calls on, down to the same import, which then does what was left to do.
 *
 * The record lies in the unused part of the guest's own C stack, directly below the stack pointer, so it costs no memory. Asyncify does not
 * check for room as it writes; so the room that the frames on the stack can need is summed up before, and a stack that is too deep is
 * left as it is.
 */
import { VB_HC_POLL, VB_NULL_ZONE, VB_STACK_SIZE } from '@verbena/guest-abi';
import type { SuspendedCall } from '../suspended.ts';
import {
  ATTENTION_KILL,
  ATTENTION_UNWINDING,
  SUSPEND_ACCEPTED,
  SUSPEND_NONE,
  SUSPEND_WANTED,
  word,
  type ControlBlock,
} from './control-block.ts';
import { frameBound, framesOnStack } from './frame-bound.ts';
import type { GuestMemory } from './guest-memory.ts';
import { NOT_INSTRUMENTED } from './suspendable.ts';
import type { FromVcpu } from './worker-protocol.ts';

/** Position and end of the record, two 32-bit words, come before the record itself. */
const headBytes = 16;
/** What LLVM may use below the stack pointer without moving it, in functions that call nothing. */
const redZoneBytes = 128;

/** What the module exports for it; `globals` are the mutable globals that have to be kept. */
interface Asyncify {
  start_unwind(record: number): void;
  stop_unwind(): void;
  start_rewind(record: number): void;
  stop_rewind(): void;
}

export interface SuspensionOptions {
  readonly control: ControlBlock;
  readonly memory: GuestMemory;
  readonly post: (message: FromVcpu) => void;
  /** Bytes that a frame of each function can need; undefined for a module that cannot be suspended. */
  readonly frameBytes: Int32Array | undefined;
  /** The program goes on from here instead of beginning. */
  readonly from?: { readonly call: SuspendedCall; readonly stackRecord: number };
}

export class Suspension {
  readonly #options: SuspensionOptions;
  #asyncify: Asyncify | undefined;
  #stackPointer: WebAssembly.Global | undefined;
  #rewinding = false;
  #arrived: SuspendedCall | undefined;
  #unwinding: { readonly call: SuspendedCall; readonly stackRecord: number } | undefined;

  constructor(options: SuspensionOptions) {
    this.#options = options;
  }

  /** To be called once the module is instantiated and its globals are set, before `_start`. */
  attach(exports: WebAssembly.Instance['exports']): void {
    this.#stackPointer = exports['__stack_pointer'] as WebAssembly.Global | undefined;
    const call = (name: string): ((record?: number) => void) => exports[`asyncify_${name}`] as () => void;
    if (this.#options.frameBytes !== undefined)
      this.#asyncify = {
        ...{ start_unwind: call('start_unwind'), stop_unwind: call('stop_unwind') },
        ...{ start_rewind: call('start_rewind'), stop_rewind: call('stop_rewind') },
      };
    const { from } = this.#options;
    if (from === undefined) return;
    this.#rewinding = true;
    this.#asyncify?.start_rewind(from.stackRecord);
  }

  /** At the beginning of a blocking import: the call that is to be finished, when the guest comes here by rewinding. */
  arrive(): SuspendedCall | undefined {
    if (!this.#rewinding) return undefined;
    this.#rewinding = false;
    this.#asyncify?.stop_rewind();
    return (this.#arrived = this.#options.from?.call);
  }

  /** When the call that is being made began, if that was before the program was suspended. Answers once. */
  begun(): bigint | undefined {
    const begun = this.#arrived?.begunNs;
    this.#arrived = undefined;
    return begun;
  }

  /**
   * To be asked wherever a blocking call can stop: whether the program is to leave its thread. If so, the import must return at once, with
   * whatever value.
   */
  stops(call: SuspendedCall): boolean {
    const { control, post } = this.#options;
    if (control.load(word.suspend) !== SUSPEND_WANTED) return false;
    if ((control.load(word.attention) & ATTENTION_KILL) !== 0) return false;
    const place = this.#place();
    // At the next poll the stack is another.
    if (typeof place === 'string' && call.nr === VB_HC_POLL && call.kind === 'hypercall') return false;
    if (typeof place === 'string') {
      if (this.#answer(SUSPEND_NONE)) post({ type: 'suspend-refused', reason: place });
      return false;
    }
    if (!this.#answer(SUSPEND_ACCEPTED)) return false;
    const { memory } = this.#options;
    memory.setU32(place.record, place.record + headBytes);
    memory.setU32(place.record + 4, place.end);
    this.#unwinding = { call, stackRecord: place.record };
    Atomics.or(control.words, word.attention, ATTENTION_UNWINDING);
    this.#asyncify?.start_unwind(place.record);
    return true;
  }

  /** False when the request was withdrawn meanwhile. */
  #answer(answer: number): boolean {
    return Atomics.compareExchange(this.#options.control.words, word.suspend, SUSPEND_WANTED, answer) === SUSPEND_WANTED;
  }

  /** Where the record goes, or why there is no room. */
  #place(): { readonly record: number; readonly end: number } | string {
    const { frameBytes } = this.#options;
    if (frameBytes === undefined || this.#stackPointer === undefined) return 'its image was made without Asyncify';
    const end = ((Number(this.#stackPointer.value) >>> 0) - redZoneBytes) & ~15;
    const frames = framesOnStack();
    if (frames.some((index) => frameBytes[index] === NOT_INSTRUMENTED))
      return 'it is in a function that the C or C++ library calls back, which cannot be unwound';
    const needed = frameBound(frames, frameBytes);
    const record = (end - needed - headBytes) & ~15;
    if (end > VB_STACK_SIZE || record < VB_NULL_ZONE)
      return `its calls are nested too deeply: saving them can take ${String(needed)} bytes, and its stack has ${String(Math.max(0, end - VB_NULL_ZONE))} left`;
    return { record, end };
  }

  /** After `_start` has returned: what was suspended, or undefined when the program has ended. */
  finish(): { readonly call: SuspendedCall; readonly stackRecord: number } | undefined {
    if (this.#unwinding === undefined) return undefined;
    this.#asyncify?.stop_unwind();
    Atomics.and(this.#options.control.words, word.attention, ~ATTENTION_UNWINDING);
    return this.#unwinding;
  }
}
