/** Files that are no files: the console, standard input, and the devices that C programs open by name. */
import { randomFillSync } from 'node:crypto';
import { Descriptor, type Kept, type Position } from './descriptor.ts';
import { WasiError } from './errno.ts';
import { fileType } from './layouts.ts';

/** Standard output or error. A character device that cannot seek, so that the C library flushes stdout at each end of a line. */
export class ConsoleOutput extends Descriptor {
  readonly #name: string;
  readonly #write: (data: Uint8Array) => void;

  constructor(name: string, write: (data: Uint8Array) => void) {
    super(fileType.characterDevice);
    this.#name = name;
    this.#write = write;
  }

  override keep(): Kept {
    return { kind: 'device', name: this.#name };
  }

  override write(data: Uint8Array): number {
    this.#write(data);
    return data.length;
  }
}

/** Standard input: bytes that are all there from the start, then the end of the file. */
export class StandardInput extends Descriptor {
  readonly #data: Uint8Array;
  #offset = 0;

  constructor(data: Uint8Array) {
    super(fileType.unknown);
    this.#data = data;
  }

  get remaining(): number {
    return this.#data.length - this.#offset;
  }

  /** What has not been read. */
  rest(): Uint8Array {
    return this.#data.slice(this.#offset);
  }

  override keep(): Kept {
    return { kind: 'device', name: 'stdin' };
  }

  override read(into: Uint8Array, position: Position): number {
    if (position !== 'current') throw new WasiError('spipe');
    const piece = this.#data.subarray(this.#offset, this.#offset + into.length);
    into.set(piece);
    this.#offset += piece.length;
    return piece.length;
  }
}

class Device extends Descriptor {
  readonly #name: string;
  readonly #fill: (into: Uint8Array) => number;

  constructor(name: string, fill: (into: Uint8Array) => number) {
    super(fileType.characterDevice);
    this.#name = name;
    this.#fill = fill;
  }

  override keep(): Kept {
    return { kind: 'device', name: this.#name };
  }

  override read(into: Uint8Array): number {
    return this.#fill(into);
  }
  override write(data: Uint8Array): number {
    return data.length;
  }
  override seek(): number {
    return 0;
  }
  override truncate(): void {}
  override sync(): void {}
}

const randomPiece = 65_536;

/** Fills guest memory with the host's randomness; the crypto module takes no shared memory, so it goes through a piece of the host's. */
export function fillRandom(into: Uint8Array): number {
  const piece = new Uint8Array(Math.min(into.length, randomPiece));
  for (let at = 0; at < into.length; at += piece.length) {
    const part = piece.subarray(0, Math.min(piece.length, into.length - at));
    into.set(randomFillSync(part), at);
  }
  return into.length;
}

export const devices: Readonly<Record<string, () => Descriptor>> = {
  null: () => new Device('null', () => 0),
  zero: () => new Device('zero', (into) => into.fill(0).length),
  urandom: () => new Device('urandom', fillRandom),
  random: () => new Device('random', fillRandom),
};
