/** A guest that gets a part of its time only: in each period its vCPU is held back for the rest, at its next call into the VMM. */
import { ATTENTION_THROTTLE, word, type ControlBlock } from './control-block.ts';

const periodMs = 20;

export class Throttle {
  readonly #control: ControlBlock;
  #period: NodeJS.Timeout | undefined;
  #rest: NodeJS.Timeout | undefined;

  constructor(control: ControlBlock) {
    this.#control = control;
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
      this.#rest = setTimeout(() => this.#letGo(), heldMs);
    };
    this.#period = setInterval(hold, periodMs);
    this.#period.unref();
    hold();
  }

  #letGo(): void {
    Atomics.and(this.#control.words, word.attention, ~ATTENTION_THROTTLE);
    Atomics.notify(this.#control.words, word.attention);
  }
}
