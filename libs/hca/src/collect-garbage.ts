/**
 * Frees the memory of guests that have ended. V8 counts a shared WebAssembly memory as a few bytes and sees no reason to collect it, but its
 * pages stay with the process until every thread that knew it has collected garbage. So whoever held large ones asks for a collection.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Long enough for all that followed the end of a program to be over, and its references gone. */
const delayMs = 50;

type Collect = () => void;

/** What a process may hold uncollected, in bytes. */
const dueBytes = 128 * 1024 * 1024;

export function collector(): Collect {
  // The flag belongs to the process and several threads come here: whoever took it back would take it from another's context.
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collect;
}

export interface RetiredOptions {
  readonly collect: Collect;
  /** Bytes of the machine's memory that the process holds. */
  readonly resident: () => number;
}

const lazily = (): Collect => {
  let collect: Collect | undefined;
  return () => (collect ??= collector())();
};

/**
 * One per thread. Most guests touch little of the memory that they have, and a collection looks at everything that is alive: it comes when memories of so
 * many bytes have gone, and the process has really grown by as much since the last one.
 */
export class Retired {
  readonly #collect: Collect;
  readonly #resident: () => number;
  #bytes = 0;
  #planned = false;
  /** The least that the process was seen to hold since the last collection. */
  #least: number;

  constructor({ collect, resident }: RetiredOptions = { collect: lazily(), resident: () => process.memoryUsage.rss() }) {
    this.#collect = collect;
    this.#resident = resident;
    this.#least = resident();
  }

  /** Call it when a memory of so many bytes is no longer used by this thread. Collection happens a little later, and not each time. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < dueBytes || this.#planned) return;
    this.#bytes = 0;
    const now = this.#resident();
    this.#least = Math.min(this.#least, now);
    if (now - this.#least < dueBytes) return;
    this.#planned = true;
    later(() => {
      this.#collect();
      this.#least = this.#resident();
      this.#planned = false;
      // The pages go when the last thread has collected that knew them, which may be another one.
      later(() => (this.#least = Math.min(this.#least, this.#resident())));
    });
  }
}

function later(act: () => void): void {
  setTimeout(act, delayMs).unref();
}
