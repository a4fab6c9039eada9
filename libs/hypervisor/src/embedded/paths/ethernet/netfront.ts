/** The guest's half of its virtual network card (netfront): two rings in granted memory. The driver domain is notified only when it sleeps. */
import { notifyCall } from '../../hypercalls/table.ts';
import type { Vmm } from '../../vmm.ts';
import { DoorbellPage } from '../doorbell-page.ts';
import { frameHeader, longestFrame } from './frame.ts';
import { NetworkPage, receiveSlots, sendSlots } from './network-page.ts';

export class NetFront {
  readonly page: NetworkPage;
  readonly #doorbell: DoorbellPage;
  readonly #vmm: Vmm;
  #head: number;
  #tail: number;

  constructor(page: SharedArrayBuffer, driver: WebAssembly.Memory, vmm: Vmm) {
    this.page = new NetworkPage(page);
    this.#doorbell = new DoorbellPage(driver);
    this.#vmm = vmm;
    this.#head = this.page.load('sendHead');
    this.#tail = this.page.load('receiveTail');
  }

  /** Where the next frame is to be written; undefined while the ring is full. */
  begin(): number | undefined {
    return ((this.#head - this.page.load('sendTail')) | 0) >= sendSlots ? undefined : this.page.sent(this.#head);
  }

  /** The frame that was begun is complete. */
  commit(frame: number, length: number): void {
    this.page.setLength(frame, length);
    this.#head = (this.#head + 1) | 0;
    this.page.store('sendHead', this.#head);
  }

  /** After frames were sent. */
  notify(): void {
    if (this.page.load('sendTail') === this.#head || !this.#doorbell.claimWake()) return;
    // The last frames of a program that has ended: no call of its own.
    if (this.#vmm.ended !== undefined) return this.#doorbell.notify();
    const { control } = this.#vmm;
    this.#vmm.enter(notifyCall.slot);
    control.add('dataPathVmmOperations', 1);
    this.#doorbell.notify();
    this.#vmm.leave();
  }

  get waiting(): boolean {
    return this.page.load('receiveHead') !== this.#tail;
  }

  /** Gives what has come to `take`, at most one ring of it. False when there was nothing. */
  receive(take: (frame: number, length: number) => void): boolean {
    const head = this.page.load('receiveHead');
    if (head === this.#tail) return false;
    for (let left: number = receiveSlots; this.#tail !== head && left > 0; left--) {
      const frame = this.page.received(this.#tail);
      const length = this.page.lengthAt(frame);
      if (length > frameHeader && length <= longestFrame) take(frame, length);
      this.#tail = (this.#tail + 1) | 0;
      this.page.store('receiveTail', this.#tail);
    }
    return true;
  }
}
