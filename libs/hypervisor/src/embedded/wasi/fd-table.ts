import type { Descriptor } from './descriptor.ts';
import { WasiError } from './errno.ts';

/** File descriptors by number; the lowest free number is given out, as POSIX wants. */
export class FdTable {
  readonly #limit: number;
  readonly #open: (Descriptor | undefined)[] = [];

  /** @param limit open files at a time */
  constructor(limit = 512) {
    this.#limit = limit;
  }

  get(fd: number): Descriptor {
    const found = this.#open[fd >>> 0];
    if (found === undefined) throw new WasiError('badf');
    return found;
  }

  /** @throws WasiError EMFILE when no number is free; call it before the file is made */
  nextFree(): number {
    let fd = 0;
    while (this.#open[fd] !== undefined) fd++;
    if (fd >= this.#limit) throw new WasiError('mfile');
    return fd;
  }

  add(descriptor: Descriptor): number {
    const fd = this.nextFree();
    this.#open[fd] = descriptor;
    return fd;
  }

  /** Under a number of its own, which is free. */
  put(fd: number, descriptor: Descriptor): void {
    if (fd >= this.#limit || this.#open[fd] !== undefined) throw new Error(`descriptor ${String(fd)} cannot be opened again`);
    this.#open[fd] = descriptor;
  }

  /** All open files by number. */
  entries(): (readonly [fd: number, file: Descriptor])[] {
    return [...this.#open.entries()].flatMap(([fd, file]) => (file === undefined ? [] : [[fd, file] as const]));
  }

  close(fd: number): void {
    const descriptor = this.get(fd);
    this.#open[fd >>> 0] = undefined;
    descriptor.close();
  }

  /** dup2 without the copy: `from` becomes `to`, and what `to` was is closed. */
  renumber(from: number, to: number): void {
    const descriptor = this.get(from);
    if (from >>> 0 === to >>> 0) return;
    this.get(to);
    this.close(to);
    this.#open[to >>> 0] = descriptor;
    this.#open[from >>> 0] = undefined;
  }

  /** Closes all; what one refuses does not keep the others open. */
  closeAll(): void {
    for (const descriptor of this.#open.splice(0)) {
      try {
        descriptor?.close();
      } catch {
        // The file is gone with the program in any case.
      }
    }
  }
}
