/**
 * Whose time it was (R38): the threads of a program publish what they are doing in shared words, and a sampler reads them now and then. The
 * seconds of a program are those of its vCPU's thread, and those of its driver domain while that works for it.
 */
import type { DomainAttachment } from './adapter-binding.ts';
import { VCPU_RUNNING, word, type ControlBlock } from './control-block.ts';

export const doings = ['guest', 'vmm', 'driver-domain', 'adapter', 'idle'] as const;
export type Doing = (typeof doings)[number];

export interface Sampled {
  readonly control: ControlBlock;
  readonly attachment: DomainAttachment | undefined;
  readonly servedByDriver: () => boolean;
  /** The vCPU's own thread rings the adapter. */
  readonly direct: boolean;
}

export class Profile {
  readonly #seconds: Record<Doing, number> = { guest: 0, vmm: 0, 'driver-domain': 0, adapter: 0, idle: 0 };

  /** @param seconds since the last sample, which count for what is seen now */
  sample({ control, attachment, servedByDriver, direct }: Sampled, seconds: number): void {
    if (control.load(word.state) !== VCPU_RUNNING) this.#seconds.idle += seconds;
    else if (direct && attachment?.busy() === true) this.#seconds.adapter += seconds;
    else this.#seconds[control.load(word.inVmm) === 1 ? 'vmm' : 'guest'] += seconds;
    if (!servedByDriver()) return;
    this.#seconds[attachment?.busy() === true ? 'adapter' : 'driver-domain'] += seconds;
  }

  get seconds(): Readonly<Record<Doing, number>> {
    return { ...this.#seconds };
  }
}

/** Looks at all that run, at the pace of a timer; none runs while there is nothing to look at. */
export class Sampler {
  readonly #targets = new Set<(seconds: number) => void>();
  #timer: NodeJS.Timeout | undefined;
  #last = 0;

  /** @returns what ends it */
  watch(target: (seconds: number) => void): () => void {
    this.#targets.add(target);
    if (this.#timer === undefined) {
      this.#last = performance.now();
      this.#timer = setInterval(() => {
        this.#look();
      }, everyMs);
      this.#timer.unref();
    }
    return () => {
      if (!this.#targets.delete(target) || this.#targets.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #look(): void {
    const now = performance.now();
    const seconds = (now - this.#last) / 1000;
    this.#last = now;
    for (const target of this.#targets) target(seconds);
  }
}

/** Often enough for a program of a second, and a thousandth of a core. */
const everyMs = 4;

/** One for the process. */
export const sampler = new Sampler();
