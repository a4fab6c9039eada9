/** A guest's memory as its backend writes to it: entries of completion queues, and the event that wakes who waits for them. */
import { memoryBytes } from '@verbena/hca';
import { cqe, eventPage, VB_CHANNEL_CQ, VB_EVENT_PAGE_ADDR } from '@verbena/guest-abi';
import { sharedBuffer } from '../shared-buffer.ts';

const entryWords = cqe.size / 4;
const generationWord = cqe.offsets.generation / 4;
const event = { pending: VB_EVENT_PAGE_ADDR / 4, wakeups: (VB_EVENT_PAGE_ADDR + eventPage.offsets.wakeups) / 4 };
const wordsOf = (memory: WebAssembly.Memory): Int32Array<SharedArrayBuffer> => new Int32Array(sharedBuffer(memory));

/** Places are counted in words of 4 bytes. What lies outside the guest's memory goes nowhere: a page that the guest has made nonsense of. */
export class GuestQueues {
  readonly #memory: WebAssembly.Memory;
  #words: Int32Array<SharedArrayBuffer>;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#words = wordsOf(memory);
  }

  #reaches(words: number): boolean {
    if (words <= this.#words.length) return true;
    if (memoryBytes(this.#memory, 4 * words) < 4 * words) return false;
    this.#words = wordsOf(this.#memory);
    return words <= this.#words.length;
  }

  /** One entry, its generation last. */
  put(to: number, entry: Int32Array<SharedArrayBuffer>): void {
    if (!this.#reaches(to + entryWords)) return;
    for (let i = 0; i < generationWord; i++) this.#words[to + i] = entry[i] ?? 0;
    Atomics.store(this.#words, to + generationWord, entry[generationWord] ?? 0);
  }

  /** An entry of one ring to another. */
  move(to: number, from: number): void {
    if (this.#reaches(from + entryWords)) this.put(to, this.#words.subarray(from, from + entryWords));
  }

  raise(): void {
    Atomics.or(this.#words, event.pending, 1 << VB_CHANNEL_CQ);
    Atomics.add(this.#words, event.wakeups, 1);
    Atomics.notify(this.#words, event.wakeups);
  }
}
