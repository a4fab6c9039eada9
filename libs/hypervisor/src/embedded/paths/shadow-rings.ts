/** Where the completion queues of a driver domain's guests lie in its own memory: first fit, behind the fixed pages. */
import { VB_DATA_BASE } from '@verbena/guest-abi';
import { sharedBuffer } from '../shared-buffer.ts';

const page = 65_536;

export class ShadowRings {
  readonly #memory: WebAssembly.Memory;
  readonly #limit: number;
  readonly #taken = new Map<number, number>();
  #words: Int32Array<SharedArrayBuffer>;

  /** @param limit in bytes: the maximum of the memory */
  constructor(memory: WebAssembly.Memory, limit: number) {
    this.#memory = memory;
    this.#limit = limit;
    this.#words = new Int32Array(sharedBuffer(memory));
  }

  /** All of the memory, as it is now. */
  get words(): Int32Array<SharedArrayBuffer> {
    return this.#words;
  }

  /** @returns an address, aligned to 64 bytes and zeroed; undefined when the memory is full */
  take(bytes: number): number | undefined {
    let at = VB_DATA_BASE;
    for (const [from, length] of [...this.#taken].sort(([a], [b]) => a - b)) {
      if (from - at >= bytes) break;
      at = from + length;
    }
    if (!this.keep(at, bytes)) return undefined;
    new Uint8Array(this.#words.buffer, at, bytes).fill(0);
    return at;
  }

  /** Takes this very place; false when it is somebody's, or none at all. */
  keep(at: number, bytes: number): boolean {
    const fits = at >= VB_DATA_BASE && at % 64 === 0 && bytes > 0 && at + bytes <= this.#limit;
    if (!fits || [...this.#taken].some(([from, length]) => at < from + length && from < at + bytes)) return false;
    const rounded = Math.ceil(bytes / 64) * 64;
    const missing = at + rounded - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / page));
    this.#words = new Int32Array(sharedBuffer(this.#memory));
    this.#taken.set(at, rounded);
    return true;
  }

  give(at: number): void {
    this.#taken.delete(at);
  }
}
