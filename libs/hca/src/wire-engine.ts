/**
 * The engine of a process's links, on a thread of its own: it moves frames between the links' rings and their streams and executes what comes. All
 * of that is firmware; here are connections that come and go, and how the thread sleeps.
 */
import { AdapterMemory } from './adapter-memory.ts';
import { withCommandLock } from './command-lock.ts';
import { FirmwareInstance, type WasiStream } from './firmware-instance.ts';
import { VBF_DOMAINS, VBF_LINK_UP, VBF_NH_WORDS, VBF_RING_ADDR, VBF_RING_STRIDE, VBF_RX_BYTES, VBF_TX_BYTES, linkKeys } from './layout.ts';
import { addLink } from './links.ts';
import type { FirmwareModules, PeerMemory } from './types.ts';

/** Structured-cloneable. */
export interface WireInit {
  readonly firmware: FirmwareModules;
  readonly adapterMemory: WebAssembly.Memory;
  readonly thread: number;
  readonly peers: readonly PeerMemory[];
}

/** Key material of one direction of a connection, in bytes. */
export const LINK_KEY_BYTES = 16 + 4 * VBF_NH_WORDS;

export interface LinkStatus {
  readonly state: number;
  /** VBF_FAULT_*, and what it was about. */
  readonly fault: number;
  readonly detail: number;
  readonly wanted: boolean;
  readonly framesSent: bigint;
  readonly framesReceived: bigint;
  readonly bytesSent: bigint;
  readonly bytesReceived: bigint;
}

/** Bits of what `poll` returns. */
export const WIRE_BUSY = 1;
export const WIRE_BROKEN = 2;
export const WIRE_LEARN = 4;

const nothing = new Uint8Array();

export class WireEngine {
  readonly #memory: AdapterMemory;
  readonly #firmware: FirmwareInstance;
  readonly #bell: number;
  readonly #thread: number;
  /** Links whose lock `doze` took, and one more; 0: none. */
  #held = 0;

  constructor(init: WireInit) {
    this.#memory = new AdapterMemory(init.adapterMemory);
    this.#thread = init.thread;
    const nothing = new WebAssembly.Memory({ initial: 0, maximum: 1, shared: true });
    this.#firmware = new FirmwareInstance(init.firmware, this.#memory, init.thread, VBF_DOMAINS, nothing);
    this.#bell = this.#memory.header.wordOf('bell');
    for (const peer of init.peers) this.#firmware.learn(peer);
  }

  /** A domain of this process: frames for it can be executed. */
  learn(peer: PeerMemory): void {
    this.#firmware.learn(peer);
  }

  forget(slot: number, epoch: number): void {
    this.#firmware.forget(slot, epoch);
  }

  /** A link more, down until it is opened. Throws an Error when there are too many. */
  addLink(): number {
    return withCommandLock(this.#memory, this.#thread, () => addLink(this.#memory));
  }

  /** Sends what goes to a LID over a link. */
  route(lid: number, link: number): void {
    this.#memory.setRoute(lid, link + 1);
  }

  /** Where the last datagram wanted to go that found no route; 0: none since this was last asked. */
  takeLostLid(): number {
    const { header } = this.#memory;
    const lid = header.get('lost_lid');
    if (lid !== 0) header.set({ lost_lid: 0 });
    return lid;
  }

  /** Whether some queue pair has requests that are not complete, which time may have to help. */
  hasRequests(): boolean {
    for (let i = 1; i < this.#memory.header.get('qp_high'); i++) {
      const qp = this.#memory.qp(i);
      if (qp.get('qpn') !== 0 && (qp.get('sq_head') !== qp.get('sq_tail') || qp.get('flush') !== 0)) return true;
    }
    return false;
  }

  get links(): number {
    return this.#memory.header.load('link_high');
  }

  status(link: number): LinkStatus {
    const row = this.#memory.link(link);
    return {
      state: row.load('state'),
      fault: row.get('fault'),
      detail: row.get('fault_detail'),
      wanted: row.load('wanted') !== 0,
      framesSent: row.get('frames_sent'),
      framesReceived: row.get('frames_received'),
      bytesSent: row.get('bytes_sent'),
      bytesReceived: row.get('bytes_received'),
    };
  }

  isUp(link: number): boolean {
    return this.#memory.link(link).load('state') === VBF_LINK_UP;
  }

  /**
   * A new connection: frames flow again, beginning with those that were not acknowledged. Keys are LINK_KEY_BYTES each; `early` is what was read of
   * the connection before. It must be there when the link is up, since from then on threads of guests read, too. Throws an Error when it does not fit.
   */
  open(link: number, stream: WasiStream, keys: { readonly send: Uint8Array; readonly receive: Uint8Array }, early = nothing): void {
    const row = this.#memory.link(link);
    row.set({ tx_keys: linkKeys.decode(keys.send), rx_keys: linkKeys.decode(keys.receive), fd: stream.fd ?? 0 });
    this.#put(link, 0, early);
    this.#firmware.connect(link, stream);
    this.#firmware.core.link_up(link, early.length);
  }

  /** When it returns nobody uses the stream any more. */
  close(link: number): void {
    this.#firmware.core.link_down(link);
    this.#firmware.disconnect(link);
  }

  /** The process at the other end is gone for good: its connections fail. */
  lose(link: number): void {
    this.#firmware.core.link_lost(link);
  }

  /** Up to `turns` turns of all links. WIRE_* bits. */
  poll(turns: number): number {
    return this.#firmware.core.wire_poll(turns);
  }

  /** Acknowledges what was executed and has waited for a frame to travel with. */
  settle(): void {
    this.#firmware.core.wire_settle();
  }

  ping(link: number): void {
    this.#memory.link(link).publish('owe_ping', 1);
  }

  /** Bytes that somebody else read from the link's stream while we doze; they come before what `poll` reads. Throws an Error when they do not fit. */
  received(link: number, bytes: Uint8Array): void {
    const row = this.#memory.link(link);
    const fill = row.get('rx_fill');
    this.#put(link, fill, bytes);
    // They count as a sign of life.
    row.set({ rx_fill: fill + bytes.length, bytes_received: row.get('bytes_received') + BigInt(bytes.length) });
  }

  #put(link: number, fill: number, bytes: Uint8Array): void {
    if (bytes.length > VBF_RX_BYTES - fill) throw new Error(`${bytes.length} bytes do not fit the inbound buffer of link ${link}`);
    const at = VBF_RING_ADDR + link * VBF_RING_STRIDE + VBF_TX_BYTES + fill;
    new Uint8Array(this.#memory.memory.buffer, at, bytes.length).set(bytes);
  }

  /** Grows while threads of guests do this engine's work. */
  get guestPolls(): number {
    return this.#memory.header.load('guest_polls');
  }

  /** Keeps everybody from the streams until `resume`, so that the caller can wait for them. False when somebody is at work. */
  doze(): boolean {
    this.#held = this.#firmware.core.wire_doze();
    return this.#held !== 0;
  }

  resume(): void {
    this.#firmware.core.wire_resume(this.#held);
    this.#held = 0;
  }

  /** Counts what was rung for. Read it, look for work, then sleep on it. */
  get bell(): number {
    return Atomics.load(this.#memory.words, this.#bell);
  }

  /** Whether frames or requests wait for room in some stream. */
  hasBacklog(): boolean {
    for (let link = 0; link < this.links; link++) {
      const row = this.#memory.link(link);
      if (row.load('state') === VBF_LINK_UP && (row.load('tx_head') !== row.load('tx_tail') || row.load('pend_any') !== 0)) return true;
    }
    return false;
  }

  /** Sleeps until the bell is not `seen` any more, for at most so many milliseconds. Blocks the thread. False when the time was over. */
  nap(seen: number, ms: number): boolean {
    this.#memory.header.publish('asleep', 1);
    const result = Atomics.wait(this.#memory.words, this.#bell, seen, ms);
    this.#memory.header.publish('asleep', 0);
    return result !== 'timed-out';
  }

  /** The same without blocking the thread; one at a time. */
  async sleep(seen: number, ms: number): Promise<boolean> {
    this.#memory.header.publish('asleep', 1);
    const waiting = Atomics.waitAsync(this.#memory.words, this.#bell, seen, ms);
    const result = waiting.async ? await waiting.value : waiting.value;
    this.#memory.header.publish('asleep', 0);
    return result !== 'timed-out';
  }

  /** Ends a `sleep` or `nap` of this or another thread. */
  wake(): void {
    this.#memory.header.add('bell', 1);
    Atomics.notify(this.#memory.words, this.#bell);
  }
}
