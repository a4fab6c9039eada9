/**
 * How long guests poll before they sleep. While every running vCPU can have a core, a guest that sleeps only makes its peers slower: waking it
 * takes longer than most waits, and two guests that exchange messages would both sleep in every turn. Once there are more vCPUs than cores, a
 * guest that polls keeps from running the very guest that it waits for.
 *
 * The boot information page holds the time (`spin_ns`); it is rewritten in every running guest when the answer changes.
 */
import { availableParallelism } from 'node:os';
import { bootInfo, VB_BOOT_INFO_ADDR } from '@verbena/guest-abi';

export interface SpinTimes {
  readonly cores: number;
  /** Nanoseconds while no more vCPUs run than there are cores. */
  readonly aloneNs?: number;
  /** Nanoseconds when they are more. */
  readonly crowdedNs?: number;
}

const wordIndex = (VB_BOOT_INFO_ADDR + bootInfo.offsets.spin_ns) / Uint32Array.BYTES_PER_ELEMENT;

export class SpinPolicy {
  readonly #cores: number;
  readonly #aloneNs: number;
  readonly #crowdedNs: number;
  readonly #running = new Set<WebAssembly.Memory>();

  constructor({ cores, aloneNs = 100_000, crowdedNs = 2_000 }: SpinTimes) {
    this.#cores = cores;
    this.#aloneNs = aloneNs;
    this.#crowdedNs = crowdedNs;
  }

  get #ns(): number {
    return this.#running.size <= this.#cores ? this.#aloneNs : this.#crowdedNs;
  }

  /** A vCPU begins to run; returns what to call when it has ended. */
  enter(memory: WebAssembly.Memory): () => void {
    const before = this.#ns;
    this.#running.add(memory);
    this.#tell(this.#ns === before ? [memory] : this.#running);
    return () => {
      const crowded = this.#ns;
      if (this.#running.delete(memory) && this.#ns !== crowded) this.#tell(this.#running);
    };
  }

  #tell(memories: Iterable<WebAssembly.Memory>): void {
    for (const memory of memories) Atomics.store(new Uint32Array(memory.buffer), wordIndex, this.#ns);
  }
}

/** The cores belong to the process, however many hypervisors share it. */
export const spinPolicy = new SpinPolicy({ cores: availableParallelism() });
