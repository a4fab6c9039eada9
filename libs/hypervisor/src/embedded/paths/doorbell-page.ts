/** The event page of a driver domain, in its own memory: what frontends and the adapter wake it by (R3). */
import { eventPage, VB_EVENT_PAGE_ADDR, VB_STATUS_PAGE_ADDR } from '@verbena/guest-abi';
import { sharedBuffer } from '../shared-buffer.ts';

const wakeups = (VB_EVENT_PAGE_ADDR + eventPage.offsets.wakeups) / 4;
const asleep = VB_STATUS_PAGE_ADDR / 4;
/** Which connection it works for now, from 1; for the profiler. */
const servesAt = asleep + 1;

export class DoorbellPage {
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory: WebAssembly.Memory) {
    this.#words = new Int32Array(sharedBuffer(memory));
  }

  get seen(): number {
    return Atomics.load(this.#words, wakeups);
  }

  fallAsleep(value: boolean): void {
    Atomics.store(this.#words, asleep, value ? 1 : 0);
  }

  serves(connection: number): void {
    Atomics.store(this.#words, servesAt, connection);
  }

  get served(): number {
    return Atomics.load(this.#words, servesAt);
  }

  /** True once for each sleep: whoever gets it notifies. */
  claimWake(): boolean {
    return Atomics.load(this.#words, asleep) === 1 && Atomics.compareExchange(this.#words, asleep, 1, 0) === 1;
  }

  /** Sends an event: it carries nothing. */
  notify(): void {
    Atomics.add(this.#words, wakeups, 1);
    Atomics.notify(this.#words, wakeups);
  }

  /** Sleeps until an event comes after `seen`, or for as long. */
  wait(seen: number, milliseconds: number): void {
    Atomics.wait(this.#words, wakeups, seen, milliseconds);
  }
}
