/**
 * What stands for the unmapped page at address 0. WebAssembly memory has no pages that trap, so the lowest VB_NULL_ZONE bytes of a guest belong to
 * nobody and are filled with VB_NULL_BYTE: a pointer or an index read through a null pointer is all ones and traps at its first use, a
 * floating-point number is NaN. A write shows as a change, which is looked for while the program runs and when it has ended.
 */
import { VB_NULL_BYTE, VB_NULL_ZONE } from '@verbena/guest-abi';

const untouched = Buffer.alloc(VB_NULL_ZONE, VB_NULL_BYTE);
const zoneOf = (memory: WebAssembly.Memory): Buffer => Buffer.from(memory.buffer, 0, Math.min(VB_NULL_ZONE, memory.buffer.byteLength));

export function fillNullZone(memory: WebAssembly.Memory): void {
  zoneOf(memory).fill(VB_NULL_BYTE);
}

/** The lowest address that was written through a null pointer, or by a stack that has grown too far; undefined when none was. */
export function nullWrite(memory: WebAssembly.Memory): number | undefined {
  const zone = zoneOf(memory);
  if (zone.compare(untouched, 0, zone.length) === 0) return undefined;
  const address = zone.findIndex((byte) => byte !== VB_NULL_BYTE);
  return address < 0 ? undefined : address;
}

/** The report of a write through a null pointer, for the end of a program. */
export function nullWriteReport(rank: number, address: number): string {
  return (
    `rank ${String(rank)}: a write through a null pointer, at address 0x${address.toString(16)}: ` +
    'was a result of malloc, calloc, realloc or fopen used without looking whether it is NULL? (Or the stack is too small for what is on it.)'
  );
}

export interface Watched {
  readonly memory: WebAssembly.Memory;
  /** Called once. */
  readonly onWrite: () => void;
}

/** Looks at the running programs of a process every so often: one that computes on makes no calls that could notice. */
export class NullWatch {
  readonly #everyMs: number;
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(everyMs = 250) {
    this.#everyMs = everyMs;
  }

  /** Watches until the function that it returns is called, or until a write was found. */
  add(watched: Watched): () => void {
    this.#watched.add(watched);
    this.#timer ??= setInterval(() => {
      this.#look();
    }, this.#everyMs).unref();
    return () => {
      this.#remove(watched);
    };
  }

  #remove(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    for (const watched of [...this.#watched]) {
      if (nullWrite(watched.memory) === undefined) continue;
      this.#remove(watched);
      watched.onWrite();
    }
  }
}

/** One for all hypervisors of the process. */
export const nullWatch = new NullWatch();
