/**
 * A reliable stream of bytes between two guests, over frames that may be lost: both ends of it, as each has them. Segments are numbered, acknowledged up to a number,
 * sent again from the oldest one when that takes too long (go-back-N, with a time that doubles), and never sent beyond what the receiver grants.
 *
 *   oldest <= (sent, not acknowledged) ... next <= (waits for the receiver's grant) ... end
 *
 * Nothing here knows of frames, rings or clocks.
 */
import { segmentBytes } from './frame.ts';

/** Segments of one direction that are on their way, or kept for the reader; a power of two. */
export const windowSegments = 64;
/** What a stream may send before the other end has said anything. */
const firstGrant = 8;
const firstPatienceMs = 200;
const longestPatienceMs = 3000;

const slot = (number: number): number => (number & (windowSegments - 1)) * segmentBytes;
const before = (a: number, b: number): boolean => ((a - b) | 0) < 0;

export class Stream {
  readonly #sent = new Uint8Array(windowSegments * segmentBytes);
  readonly #sentBytes = new Uint16Array(windowSegments);
  readonly #kept = new Uint8Array(windowSegments * segmentBytes);
  readonly #keptBytes = new Uint16Array(windowSegments);
  #oldest = 0;
  #next = 0;
  #end = 0;
  #granted = firstGrant;
  #sentAt = 0;
  #patience = firstPatienceMs;
  /** Segments that came: the next one to come, the next one to be read, and bytes of that which are read already. */
  #expected = 0;
  #read = 0;
  #readBytes = 0;
  #told = 0;
  #toldGrant = firstGrant;

  /** Takes as many bytes as there is room for. @returns how many */
  write(from: Uint8Array): number {
    let taken = 0;
    while (taken < from.length && before(this.#end, (this.#oldest + windowSegments) | 0)) {
      const piece = from.subarray(taken, taken + segmentBytes);
      this.#sent.set(piece, slot(this.#end));
      this.#sentBytes[this.#end & (windowSegments - 1)] = piece.length;
      this.#end = (this.#end + 1) | 0;
      taken += piece.length;
    }
    return taken;
  }

  /** Whether `segment` would give something now. */
  get mayTransmit(): boolean {
    return this.#next !== this.#end && before(this.#next, this.#granted);
  }

  /** Something is under way, or waits for the receiver. */
  get outstanding(): boolean {
    return this.#oldest !== this.#end;
  }

  /** The number of the next segment. */
  get number(): number {
    return this.#next;
  }

  /** The next segment's payload; it counts as sent. */
  transmit(nowMs: number): Uint8Array {
    const number = this.#next;
    if (this.#oldest === number) this.#sentAt = nowMs;
    this.#next = (number + 1) | 0;
    return this.#sent.subarray(slot(number), slot(number) + (this.#sentBytes[number & (windowSegments - 1)] ?? 0));
  }

  /** The oldest segment has waited for too long: all go again. True when the other end should be asked where it is. */
  expired(nowMs: number): boolean {
    if (!this.outstanding || nowMs - this.#sentAt < this.#patience) return false;
    this.#patience = Math.min(2 * this.#patience, longestPatienceMs);
    this.#next = this.#oldest;
    this.#sentAt = nowMs;
    return true;
  }

  /** Nothing that was sent has arrived: the other end was not there. */
  again(): void {
    this.#next = this.#oldest;
  }

  /** What the other end says. Numbers that cannot be are not believed. */
  acknowledged(ack: number, granted: number, nowMs: number): void {
    if (before(ack, this.#oldest) || before(this.#end, ack)) return;
    if (ack !== this.#oldest) {
      this.#oldest = ack;
      if (before(this.#next, ack)) this.#next = ack;
      this.#patience = firstPatienceMs;
      this.#sentAt = nowMs;
    }
    const least = before(granted, ack) ? ack : granted;
    this.#granted = before((ack + windowSegments) | 0, least) ? (ack + windowSegments) | 0 : least;
  }

  /** Keeps a segment that is the next one and has room; false for any other. */
  accept(number: number, from: Uint8Array): boolean {
    if (number !== this.#expected || from.length > segmentBytes || !before(number, (this.#read + windowSegments) | 0)) return false;
    this.#kept.set(from, slot(number));
    this.#keptBytes[number & (windowSegments - 1)] = from.length;
    this.#expected = (number + 1) | 0;
    return true;
  }

  /** Moves bytes that have arrived, as many as there is room for. @returns how many */
  read(into: Uint8Array): number {
    let moved = 0;
    while (moved < into.length && this.#read !== this.#expected) {
      const from = slot(this.#read) + this.#readBytes;
      const bytes = (this.#keptBytes[this.#read & (windowSegments - 1)] ?? 0) - this.#readBytes;
      const piece = Math.min(bytes, into.length - moved);
      into.set(this.#kept.subarray(from, from + piece), moved);
      moved += piece;
      this.#readBytes += piece;
      if (piece !== bytes) break;
      this.#read = (this.#read + 1) | 0;
      this.#readBytes = 0;
    }
    return moved;
  }

  /** What to tell the other end, with a window of so many segments. It counts as told. */
  tell(window: number): { readonly ack: number; readonly granted: number } {
    this.#told = this.#expected;
    const granted = (this.#read + Math.min(window, windowSegments)) | 0;
    // What was granted once stays so.
    if (before(this.#toldGrant, granted)) this.#toldGrant = granted;
    return { ack: this.#expected, granted: this.#toldGrant };
  }

  /** The number of the next segment that is to come. */
  get expected(): number {
    return this.#expected;
  }

  /** Segments that the other end does not know to have arrived. */
  get untold(): number {
    return (this.#expected - this.#told) | 0;
  }
}
