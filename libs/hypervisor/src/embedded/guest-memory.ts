import { sharedBuffer } from './shared-buffer.ts';

/** An address or length that a guest gave does not lie in its memory. Becomes EFAULT, never an error of the host. */
export class GuestFault extends Error {
  constructor(address: number, length: number) {
    super(`guest address 0x${address.toString(16)} with ${String(length)} bytes lies outside the guest's memory`);
    this.name = 'GuestFault';
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Checked access to a guest's memory. Addresses and lengths come as the signed 32-bit numbers of a call's arguments. Every method throws
 * GuestFault for what is out of bounds; the sums are doubles and cannot overflow. Other threads may change the memory at any time, so
 * whatever is checked must be copied first.
 */
export class GuestMemory {
  readonly memory: WebAssembly.Memory;
  #buffer: SharedArrayBuffer;
  #bytes: Uint8Array<SharedArrayBuffer>;
  #view: DataView<SharedArrayBuffer>;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.#buffer = sharedBuffer(memory);
    this.#bytes = new Uint8Array(this.#buffer);
    this.#view = new DataView(this.#buffer);
  }

  get byteLength(): number {
    return sharedBuffer(this.memory).byteLength;
  }

  /**
   * May replace the view, so it is called before the view is looked at.
   * @returns the address as unsigned, after `address .. address + length` was found to lie in memory
   */
  #check(address: number, length: number): number {
    const from = address >>> 0;
    if (from + length > this.#buffer.byteLength) {
      // The memory may have grown since; a shared memory that has grown shows another buffer.
      this.#buffer = sharedBuffer(this.memory);
      if (from + length > this.#buffer.byteLength) throw new GuestFault(from, length);
      this.#bytes = new Uint8Array(this.#buffer);
      this.#view = new DataView(this.#buffer);
    }
    return from;
  }

  /** A window on guest memory, for copying into or out of at once. */
  window(address: number, length: number): Uint8Array<SharedArrayBuffer> {
    const size = length >>> 0;
    const from = this.#check(address, size);
    return this.#bytes.subarray(from, from + size);
  }

  /** The bytes as the host's own. Bound `length` before calling: this allocates. */
  copy(address: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.window(address, length));
  }

  /** @throws TypeError when the bytes are not UTF-8 */
  text(address: number, length: number): string {
    return decoder.decode(this.copy(address, length));
  }

  write(address: number, data: Uint8Array): void {
    this.window(address, data.length).set(data);
  }

  u32(address: number): number {
    const at = this.#check(address, 4);
    return this.#view.getUint32(at, true);
  }

  u64(address: number): bigint {
    const at = this.#check(address, 8);
    return this.#view.getBigUint64(at, true);
  }

  setU32(address: number, value: number): void {
    const at = this.#check(address, 4);
    this.#view.setUint32(at, value, true);
  }

  setU64(address: number, value: bigint): void {
    const at = this.#check(address, 8);
    this.#view.setBigUint64(at, value, true);
  }

  /** A DataView over all of memory and the checked address, for structures declared with struct(). */
  at(address: number, length: number): { readonly view: DataView; readonly offset: number } {
    const offset = this.#check(address, length);
    return { view: this.#view, offset };
  }
}
