/**
 * Frees the memory of guests that have ended. V8 counts a shared WebAssembly memory as a few bytes and sees no reason to collect it, but its
 * pages stay with the process until every thread that knew it has collected garbage. So whoever held large ones asks for a collection.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Long enough for all that followed the end of a program to be over, and its references gone. */
const delayMs = 50;

type Collect = () => void;

let collect: Collect | undefined;

/** Pages that a thread may leave uncollected, in bytes. */
const dueBytes = 128 * 1024 * 1024;

export function collector(): Collect {
  // The flag belongs to the process and several threads come here: whoever took it back would take it from another's context.
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collect;
}

/** One per thread. */
export class Retired {
  #bytes = 0;
  #planned = false;

  /** Call it when a memory of so many bytes is no longer used by this thread. Collection happens a little later, and not each time. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < dueBytes || this.#planned) return;
    this.#planned = true;
    setTimeout(() => {
      this.#planned = false;
      this.#bytes = 0;
      (collect ??= collector())();
    }, delayMs).unref();
  }
}
