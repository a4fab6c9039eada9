/**
 * The memory that a guest's network frontend and its backend in a driver domain share (R2-R4), granted by the guest: two rings of frames.
 *
 *   words     0-15    see `field`
 *   doubles   16-     see `counter`; the backend writes them
 *   bytes     slots for frames that the guest sends, then for those that it gets: length (4), nothing (2), frame
 */
import { longestFrame } from './frame.ts';

export const field = {
  /** Frames put in and taken out, of each ring; they count on and wrap at 2^32. */
  sendHead: 0,
  sendTail: 1,
  receiveHead: 2,
  receiveTail: 3,
  /** 1: the guest is about to sleep and wants an event with the next frame. */
  wantsEvent: 4,
  /** 1: it waits for something that time may bring about, and wants an event now and then. */
  wantsTime: 5,
} as const;

export const counter = { framesSent: 0, bytesSent: 1, framesReceived: 2, bytesReceived: 3, framesDropped: 4 } as const;

export const sendSlots = 256;
export const receiveSlots = 512;
const slotBytes = 1536;
/** Of the frame in its slot; the segment header is aligned then. */
const frameOffset = 6;
if (frameOffset + longestFrame > slotBytes) throw new Error('a frame does not fit its slot');
const countersAt = 64;
const sendAt = 128;
const receiveAt = sendAt + sendSlots * slotBytes;
export const networkPageBytes = receiveAt + receiveSlots * slotBytes;

export class NetworkPage {
  readonly view: DataView;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #counters: Float64Array<SharedArrayBuffer>;

  constructor(page: SharedArrayBuffer) {
    this.view = new DataView(page);
    this.bytes = new Uint8Array(page);
    this.#words = new Int32Array(page, 0, 16);
    this.#counters = new Float64Array(page, countersAt, Object.keys(counter).length);
  }

  load(name: keyof typeof field): number {
    return Atomics.load(this.#words, field[name]);
  }

  store(name: keyof typeof field, value: number): void {
    Atomics.store(this.#words, field[name], value);
  }

  /** True once for each time that it was set. */
  claim(name: 'wantsEvent'): boolean {
    return Atomics.load(this.#words, field[name]) === 1 && Atomics.exchange(this.#words, field[name], 0) === 1;
  }

  count(name: keyof typeof counter, amount = 1): void {
    this.#counters[counter[name]] = this.counted(name) + amount;
  }

  counted(name: keyof typeof counter): number {
    return this.#counters[counter[name]] ?? 0;
  }

  /** Where the frame with this number begins. */
  sent(number: number): number {
    return sendAt + (number & (sendSlots - 1)) * slotBytes + frameOffset;
  }

  received(number: number): number {
    return receiveAt + (number & (receiveSlots - 1)) * slotBytes + frameOffset;
  }

  lengthAt(frame: number): number {
    return this.view.getUint32(frame - frameOffset, true);
  }

  setLength(frame: number, length: number): void {
    this.view.setUint32(frame - frameOffset, length, true);
  }
}
