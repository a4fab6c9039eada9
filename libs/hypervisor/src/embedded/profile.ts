/**
 * Whose time it was (R38): the threads of a program publish what they are doing in shared words, and a sampler reads them now and then. The
 * seconds of a program are those of its vCPU's thread, and those of its driver domain while that works for it.
 *
 * Parts of these have names of two words: "vmm;hca-command" is the time in one call into the VMM, "idle;MPI_Recv" the sleep in one function of the
 * MPI library. They are contained in "vmm" and "idle".
 */
import type { DomainAttachment } from './adapter-binding.ts';
import { VCPU_BLOCKED, VCPU_PARKED, VCPU_RUNNING, VCPU_WAITING, word, type ControlBlock } from './control-block.ts';
import { callName } from './counters.ts';

export const doings = ['guest', 'vmm', 'driver-domain', 'adapter', 'idle'] as const;
export type Doing = (typeof doings)[number];

export interface Sampled {
  readonly control: ControlBlock;
  readonly attachment: DomainAttachment | undefined;
  readonly servedByDriver: () => boolean;
  /** The vCPU's own thread rings the adapter. */
  readonly direct: boolean;
  /** What a sleeping guest says that it waits for: its own words, which may be anything. */
  readonly waitsFor: () => string;
}

/** Parts of one program; what a guest makes up beyond that counts as "other". */
const mostParts = 40;

export class Profile {
  readonly #seconds: Record<Doing, number> = { guest: 0, vmm: 0, 'driver-domain': 0, adapter: 0, idle: 0 };
  readonly #parts = new Map<string, number>();

  /** @param seconds since the last sample, which count for what is seen now */
  sample({ control, attachment, servedByDriver, direct, waitsFor }: Sampled, seconds: number): void {
    const state = control.load(word.state);
    const call = control.load(word.inVmm) - 1;
    if (state !== VCPU_RUNNING) this.#add('idle', sleepsIn(state, call, waitsFor), seconds);
    else if (direct && attachment?.busy() === true) this.#add('adapter', '', seconds);
    else if (call < 0) this.#add('guest', '', seconds);
    else this.#add('vmm', callName(call), seconds);
    if (servedByDriver()) this.#add(attachment?.busy() === true ? 'adapter' : 'driver-domain', '', seconds);
  }

  #add(doing: Doing, part: string, seconds: number): void {
    this.#seconds[doing] += seconds;
    if (part === '') return;
    const known = this.#parts.has(`${doing};${part}`) || this.#parts.size < mostParts;
    const name = known ? `${doing};${part}` : `${doing};other`;
    this.#parts.set(name, (this.#parts.get(name) ?? 0) + seconds);
  }

  get seconds(): Readonly<Record<string, number>> {
    return { ...this.#seconds, ...Object.fromEntries(this.#parts) };
  }
}

/** The function of the MPI library in which a guest sleeps, or the call in which it waits for the host; empty when neither is known. */
function sleepsIn(state: number, call: number, waitsFor: () => string): string {
  if (state === VCPU_PARKED) return 'paused';
  if (state === VCPU_WAITING) return call < 0 ? '' : callName(call);
  return state === VCPU_BLOCKED ? (/^MPI_\w{1,40}/.exec(waitsFor())?.[0] ?? 'block') : '';
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
