import { ToolchainError } from './errors.ts';

/** Reads the numbers and names of which WebAssembly's binary format is made (WebAssembly Core Specification, 5.2). */
export class WasmReader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const value = this.#bytes[this.at++];
    if (value === undefined) throw new ToolchainError('a WebAssembly file ends in the middle of a section');
    return value;
  }

  /** Unsigned LEB128 of at most 32 bits (WebAssembly Core Specification, 5.2.2). */
  number(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new ToolchainError('a WebAssembly file holds a number that is too long');
  }

  name(): string {
    const length = this.number();
    this.at += length;
    return Buffer.from(this.#bytes.subarray(this.at - length, this.at)).toString('utf8');
  }
}
