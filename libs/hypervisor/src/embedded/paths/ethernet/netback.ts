/**
 * The driver domain's half of a guest's network card (netback). What the guest writes into the shared rings is not believed: numbers and lengths are bounded, the
 * sender's address is checked, and what was checked is what travels.
 */
import { eventPage, VB_EVENT_PAGE_ADDR } from '@verbena/guest-abi';
import { word } from '../../control-block.ts';
import { sharedBuffer } from '../../shared-buffer.ts';
import { copyFrame, destinationOf, frameHeader, longestFrame, sourceOf, type Frame } from './frame.ts';
import { NetworkPage, receiveSlots, sendSlots } from './network-page.ts';

/** Structured-cloneable. */
export interface NetBackStart {
  readonly connection: number;
  readonly page: SharedArrayBuffer;
  readonly lid: number;
  /** The job's partition: frames stay within it, as within a VLAN. */
  readonly pkey: number;
  /** Where the guest's event channel lies, and its control block, on which the vCPU sleeps in the VMM. */
  readonly guestMemory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
}

/** Frames of one guest before others get their turn. */
const turnFrames = 64;
const wakeups = (VB_EVENT_PAGE_ADDR + eventPage.offsets.wakeups) / 4;

/** Sends a guest an event: whoever sleeps on its event page or in the VMM looks again. */
export function raiseEvent(guestMemory: WebAssembly.Memory, control: SharedArrayBuffer): void {
  const guest = new Int32Array(sharedBuffer(guestMemory), 0, wakeups + 1);
  Atomics.add(guest, wakeups, 1);
  Atomics.notify(guest, wakeups);
  const words = new Int32Array(control, 0, word.bell + 1);
  Atomics.add(words, word.bell, 1);
  Atomics.notify(words, word.bell);
}

export class NetBack {
  readonly page: NetworkPage;
  readonly #start: NetBackStart;
  #tail: number;
  #head: number;
  #delivered = false;

  constructor(start: NetBackStart) {
    this.#start = start;
    this.page = new NetworkPage(start.page);
    this.#tail = this.page.load('sendTail');
    this.#head = this.page.load('receiveHead');
  }

  get lid(): number {
    return this.#start.lid;
  }

  get pkey(): number {
    return this.#start.pkey;
  }

  /** Gives frames that the guest sends to `forward`; false when there was none. */
  turn(forward: (from: NetBack, frame: Frame) => void): boolean {
    const { page } = this;
    const head = page.load('sendHead');
    if (head === this.#tail) return false;
    // More than the ring holds is nonsense: what lies in the slots is looked at once, and then the guest has what it says.
    let left = Math.min(((head - this.#tail) | 0) >>> 0, turnFrames);
    if (((head - this.#tail) | 0) >>> 0 > sendSlots) this.#tail = (head - turnFrames) | 0;
    for (; left > 0; left--) {
      const at = page.sent(this.#tail);
      const length = page.lengthAt(at);
      if (length > frameHeader && length <= longestFrame && sourceOf(page.view, at) === this.lid) {
        page.count('framesSent');
        page.count('bytesSent', length);
        forward(this, { bytes: page.bytes, at, length, to: destinationOf(page.view, at), from: this.lid });
      } else page.count('framesDropped');
      this.#tail = (this.#tail + 1) | 0;
      page.store('sendTail', this.#tail);
    }
    return true;
  }

  /** Copies a frame into the guest's ring. One that has no room is lost. */
  deliver(frame: Frame): void {
    const { page } = this;
    if (((this.#head - page.load('receiveTail')) | 0) >>> 0 >= receiveSlots) {
      page.count('framesDropped');
      return;
    }
    const to = page.received(this.#head);
    copyFrame(frame, page.view, page.bytes, to);
    page.setLength(to, frame.length);
    page.count('framesReceived');
    page.count('bytesReceived', frame.length);
    this.#head = (this.#head + 1) | 0;
    page.store('receiveHead', this.#head);
    this.#delivered = true;
  }

  /** One event for all frames of a turn, if the guest wants one. */
  flush(): void {
    if (!this.#delivered) return;
    this.#delivered = false;
    if (this.page.claim('wantsEvent')) raiseEvent(this.#start.guestMemory, this.#start.control);
  }
}
