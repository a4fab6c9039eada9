/** A guest that gets a part of its time only: in each period its vCPU is held back for the rest, at its next call
 * into the VMM or its next poll. */
import { ATTENTION_THROTTLE, word, type ControlBlock } from './control-block.ts';

const periodMs = 20;

export class Throttle {
  readonly #control: ControlBlock;
  readonly #ask: (held: boolean) => void;
  #period: NodeJS.Timeout | undefined;
  #rest: NodeJS.Timeout | undefined;

  /** @param ask called when the guest is to be held, and when not, so that one that computes is told at its next poll */
  constructor(control: ControlBlock, ask: (held: boolean) => void) {
    this.#control = control;
    this.#ask = ask;
  }

  /** @param share from 0 to 1; 1 ends it */
  set(share: number): void {
    clearInterval(this.#period);
    clearTimeout(this.#rest);
    this.#period = undefined;
    this.#letGo();
    if (share >= 1) return;
    const heldMs = periodMs * (1 - Math.max(share, 0.01));
    const hold = (): void => {
      Atomics.or(this.#control.words, word.attention, ATTENTION_THROTTLE);
      this.#ask(true);
      this.#rest = setTimeout(() => this.#letGo(), heldMs);
    };
    this.#period = setInterval(hold, periodMs);
    this.#period.unref();
    hold();
  }

  #letGo(): void {
    Atomics.and(this.#control.words, word.attention, ~ATTENTION_THROTTLE);
    this.#ask(false);
    Atomics.notify(this.#control.words, word.attention);
  }
}
