/**
 * The guest's streams to other guests over its network card: segments in and out, by address. A stream begins when either end has something for the other. Ends are
 * told apart by a number that each stack draws when it starts, so that frames of a program that has ended belong to none of the next one's streams.
 */
import { FLAG_ASK, FLAG_LAST, frameHeader, isSegment, segment, sourceOf, writeFrameHeader } from './frame.ts';
import type { NetFront } from './netfront.ts';
import { receiveSlots } from './network-page.ts';
import { Stream, windowSegments } from './stream.ts';

const { offsets: at, size: segmentHeader } = segment;
const payloadAt = frameHeader + segmentHeader;
const leastWindow = 4;

export interface Peer {
  readonly lid: number;
  readonly stream: Stream;
  /** The number of the other end's life; 0: it has not said it. */
  life: number;
  /** It waits for an acknowledgement. */
  asked: boolean;
  /** Its program has ended, and all that it sent is here. */
  left: boolean;
}

export class PeerStreams {
  readonly #front: NetFront;
  readonly #lid: number;
  readonly #life: number;
  readonly #peers = new Map<number, Peer>();
  readonly #began: (peer: Peer) => boolean;
  #sent = false;

  /** @param began called for each new peer; says whether there is room for it */
  constructor(front: NetFront, lid: number, life: number, began: (peer: Peer) => boolean) {
    this.#front = front;
    this.#lid = lid;
    this.#life = life;
    this.#began = began;
  }

  /** The stream to a guest; undefined when there are too many. */
  to(lid: number): Peer | undefined {
    const known = this.#peers.get(lid);
    if (known !== undefined) return known;
    const peer = { lid, stream: new Stream(), life: 0, asked: false, left: false };
    if (!this.#began(peer)) return undefined;
    this.#peers.set(lid, peer);
    return peer;
  }

  /** Takes what has come. False when there was nothing. */
  receive(nowMs: number): boolean {
    return this.#front.receive((frame, length) => {
      this.#hear(frame, length, nowMs);
    });
  }

  #hear(frame: number, length: number, nowMs: number): void {
    const { view, bytes } = this.#front.page;
    const lid = sourceOf(view, frame);
    if (lid === 0 || lid === this.#lid || length < payloadAt || !isSegment(view, frame)) return;
    const header = frame + frameHeader;
    const [from, to] = [view.getUint32(header + at.from, true), view.getUint32(header + at.to, true)];
    const payload = view.getUint16(header + at.bytes, true);
    if (from === 0 || (to !== 0 && to !== this.#life) || payload > length - payloadAt) return;
    const peer = this.to(lid);
    if (peer === undefined) return;
    if (peer.life !== 0 && peer.life !== from) return;
    // Who does not know us yet has heard nothing of us: what we have sent, if anything, came to nobody.
    if (to === 0 && peer.life === 0) peer.stream.again();
    peer.life = from;
    const [ack, granted] = [view.getInt32(header + at.ack, true), view.getInt32(header + at.granted, true)];
    if (to !== 0) peer.stream.acknowledged(ack, granted, nowMs);
    const start = frame + payloadAt;
    const taken = payload > 0 && peer.stream.accept(view.getInt32(header + at.number, true), bytes.subarray(start, start + payload));
    const flags = view.getUint16(header + at.flags, true);
    if ((payload > 0 && !taken) || (flags & FLAG_ASK) !== 0) peer.asked = true;
    if ((flags & FLAG_LAST) !== 0 && view.getInt32(header + at.number, true) === peer.stream.expected) peer.left = true;
  }

  /** Sends what may be sent. False when there was nothing, or no room. */
  transmit(nowMs: number): boolean {
    let any = false;
    for (const peer of this.#peers.values())
      while (!peer.left && peer.stream.mayTransmit) {
        const frame = this.#front.begin();
        if (frame === undefined) return any;
        const { number } = peer.stream;
        this.#send(frame, peer, number, peer.stream.transmit(nowMs), 0);
        any = true;
      }
    return any;
  }

  /** Acknowledges what waits for it: all, or only what is urgent. */
  acknowledge(all: boolean): void {
    for (const peer of this.#peers.values()) {
      const { untold } = peer.stream;
      if (!peer.asked && (untold === 0 || (!all && untold < this.#window / 2))) continue;
      const frame = this.#front.begin();
      if (frame === undefined) return;
      this.#send(frame, peer, peer.stream.number, nothing, 0);
    }
  }

  /** Streams that have waited for too long send again, and ask. */
  expire(nowMs: number): void {
    for (const peer of this.#peers.values()) {
      if (peer.left || !peer.stream.expired(nowMs)) continue;
      const frame = this.#front.begin();
      if (frame !== undefined) this.#send(frame, peer, peer.stream.number, nothing, FLAG_ASK);
    }
  }

  get outstanding(): boolean {
    for (const { stream, left } of this.#peers.values()) if (!left && stream.outstanding) return true;
    return false;
  }

  /** The program has ended: tells those who are still there. */
  leave(): void {
    for (const peer of this.#peers.values()) {
      const frame = peer.left || peer.life === 0 ? undefined : this.#front.begin();
      if (frame !== undefined) this.#send(frame, peer, peer.stream.number, nothing, FLAG_LAST);
    }
    this.flush();
  }

  /** Tells the driver domain of what was sent. */
  flush(): void {
    if (this.#sent) this.#front.notify();
    this.#sent = false;
  }

  /** All streams together never send more than the ring of received frames takes; acknowledgements have the other half. */
  get #window(): number {
    return Math.max(leastWindow, Math.min(windowSegments, Math.floor(receiveSlots / 2 / Math.max(1, this.#peers.size))));
  }

  #send(frame: number, peer: Peer, number: number, payload: Uint8Array, flags: number): void {
    const { view, bytes } = this.#front.page;
    const { ack, granted } = peer.stream.tell(this.#window);
    peer.asked = false;
    writeFrameHeader(view, frame, peer.lid, this.#lid);
    const header = frame + frameHeader;
    view.setUint32(header + at.from, this.#life, true);
    view.setUint32(header + at.to, peer.life, true);
    view.setInt32(header + at.number, number, true);
    view.setInt32(header + at.ack, ack, true);
    view.setInt32(header + at.granted, granted, true);
    view.setUint16(header + at.bytes, payload.length, true);
    view.setUint16(header + at.flags, flags, true);
    bytes.set(payload, frame + payloadAt);
    this.#front.commit(frame, payloadAt + payload.length);
    this.#sent = true;
  }
}

const nothing = new Uint8Array();
