/**
 * Bringing a guest to its safepoint and letting it go, from the main thread. The guest is asked by the control word of its event page; what it
 * was asked for and what it was told also stands in the control block, which the guest cannot write.
 */
import {
  VB_CONTROL_CANCELLED,
  VB_CONTROL_EPOCH_SHIFT,
  VB_CONTROL_QUIESCE,
  VB_HC_SAFEPOINT,
  VB_POLL_CONTROL,
  VB_SAFEPOINT_NO_CHANNELS,
} from '@verbena/guest-abi';
import { setTimeout as sleep } from 'node:timers/promises';
import { SuspendError, type ProgramState, type Quiesced, type QuiesceOptions, type ReleaseMode } from '../suspended.ts';
import { RELEASE_EPOCH_SHIFT, RELEASE_NEW_ADAPTER, RELEASE_SAME, word, type ControlBlock } from './control-block.ts';
import { askAtPoll, setGuestControl } from './guest-events.ts';

export const defaultTimeoutMs = 5000;
const epochLimit = 2 ** 30;

/** The epoch whose safepoint a suspended program stands in; 0 when it stands elsewhere. */
export function epochOf({ call }: Pick<ProgramState, 'call'>): number {
  return call.kind === 'hypercall' && call.nr === VB_HC_SAFEPOINT ? call.args[0] >>> 0 : 0;
}

/** What whoever waits for a program that computes is told besides. */
export const withoutPolls = (polls: boolean): string =>
  polls ? '' : '; its image has no polls (made with --no-polls, or before there were any), so it stops in blocking calls only';

const releasedBefore = (epoch: number): SuspendError =>
  new SuspendError('timeout', `epoch ${String(epoch)} was released before the guest reached its safepoint`);

export class SafepointRequest {
  readonly #control: ControlBlock;
  readonly #memory: () => WebAssembly.Memory | undefined;
  readonly #polls: boolean;
  #waiting: { readonly epoch: number; readonly settle: (result: Quiesced | SuspendError) => void } | undefined;

  /** Asked for while the guest had not left its last safepoint: they wait for that. */
  readonly #queued = new Set<number>();

  /**
   * @param memory of the guest while it lives
   * @param polls whether its image has polls
   */
  constructor(control: ControlBlock, memory: () => WebAssembly.Memory | undefined, polls = true) {
    this.#control = control;
    this.#memory = memory;
    this.#polls = polls;
  }

  /**
   * A guest that was released and has not woken yet is waited for: the next release would take the place of the one that it has to read. What is released
   * meanwhile is not asked for any more: nobody would let the guest go on.
   */
  async quiesce(epoch: number, { timeoutMs = defaultTimeoutMs, inCallsOnly = false }: QuiesceOptions = {}): Promise<Quiesced> {
    const until = performance.now() + timeoutMs;
    this.#queued.add(epoch);
    try {
      while (this.#control.load(word.release) !== 0 && this.#memory() !== undefined) {
        if (performance.now() > until)
          throw new SuspendError('timeout', `the guest did not leave its safepoint within ${String(timeoutMs)} ms`);
        await sleep(1);
        if (!this.#queued.has(epoch)) throw releasedBefore(epoch);
      }
    } finally {
      this.#queued.delete(epoch);
    }
    return this.#ask(epoch, timeoutMs, inCallsOnly);
  }

  #ask(epoch: number, timeoutMs: number, inCallsOnly: boolean): Promise<Quiesced> {
    const memory = this.#memory();
    if (!Number.isInteger(epoch) || epoch < 1 || epoch >= epochLimit)
      return Promise.reject(new RangeError(`an epoch is 1 to 2^30 - 1, not ${String(epoch)}`));
    if (memory === undefined) return Promise.reject(new SuspendError('ended', 'the program has ended'));
    const current = this.#control.load(word.quiesce);
    if (current !== 0) return Promise.reject(new SuspendError('busy', `epoch ${String(current)} is under way: release it first`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const why = `the guest did not reach its safepoint within ${String(timeoutMs)} ms${withoutPolls(this.#polls)}`;
        this.release(epoch, 'same', new SuspendError('timeout', why));
      }, timeoutMs);
      this.#waiting = {
        epoch,
        settle: (result) => {
          clearTimeout(timer);
          this.#waiting = undefined;
          if (result instanceof SuspendError) reject(result);
          else resolve(result);
        },
      };
      this.#control.store(word.quiesce, epoch);
      setGuestControl(memory, (epoch << VB_CONTROL_EPOCH_SHIFT) | VB_CONTROL_QUIESCE);
      askAtPoll(memory, VB_POLL_CONTROL, !inCallsOnly);
    });
  }

  /** The guest says that it stands there. */
  reached(epoch: number, flags: number): void {
    if (this.#waiting?.epoch === epoch) this.#waiting.settle({ epoch, noChannels: (flags & VB_SAFEPOINT_NO_CHANNELS) !== 0 });
  }

  ended(): void {
    this.#waiting?.settle(new SuspendError('ended', 'the program ended before it reached its safepoint'));
  }

  /** @param why what a quiesce that is still under way is told */
  release(epoch: number, mode: ReleaseMode, why = releasedBefore(epoch)): void {
    this.#queued.delete(epoch);
    const memory = this.#memory();
    if (memory === undefined || this.#control.load(word.quiesce) !== epoch) return;
    const reached = this.#waiting === undefined;
    this.#waiting?.settle(why);
    askAtPoll(memory, VB_POLL_CONTROL, false);
    setGuestControl(memory, reached ? 0 : (epoch << VB_CONTROL_EPOCH_SHIFT) | VB_CONTROL_CANCELLED);
    if (reached) this.#control.store(word.release, (epoch << RELEASE_EPOCH_SHIFT) | (mode === 'same' ? RELEASE_SAME : RELEASE_NEW_ADAPTER));
    this.#control.store(word.quiesce, 0);
    this.#control.ring();
  }
}
