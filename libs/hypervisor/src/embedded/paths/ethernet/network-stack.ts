/**
 * Verbs over Ethernet, as the guest's system does them on its own thread: a soft adapter in memory of the guest's own (the same firmware, which nobody else shares), whose
 * links to other guests are byte streams over the virtual network card.
 *
 *   work request -> soft adapter -> frames of its link -> segments of a stream -> card -> driver domain: bridge -> card -> ... -> receiver's memory
 *
 * It works whenever the guest rings, asks or sleeps; nothing interrupts a guest that computes.
 */
import { LINK_KEY_BYTES, openAdapter, WireEngine, WIRE_BUSY, type AdapterWorkerInit, type WasiStream, type WireInit } from '@verbena/hca';
import {
  modifyQpIn,
  VB_ATTR_DEST,
  VB_CMD_DETACH_MCAST,
  VB_CMD_JOIN_MCAST,
  VB_CMD_MODIFY_QP,
  VB_ENOSYS,
  VB_UAR_CQ_ARM,
  VB_UAR_CQ_ARM_SOLICITED,
  VB_UAR_POLL,
} from '@verbena/guest-abi';
import type { Adapter } from '../../adapter-binding.ts';
import { ATTENTION_KILL, word, type ControlBlock } from '../../control-block.ts';
import type { Vmm } from '../../vmm.ts';
import { sharedBuffer } from '../../shared-buffer.ts';
import { NetFront } from './netfront.ts';
import { PeerStreams, type Peer } from './peer-streams.ts';

/** Structured-cloneable; the port of the adapter must be in the transfer list. */
export interface NetworkStart {
  readonly page: SharedArrayBuffer;
  /** The driver domain's memory: its event page is rung. */
  readonly driver: WebAssembly.Memory;
  readonly lid: number;
  readonly adapter: AdapterWorkerInit;
  readonly wire: WireInit;
  /** Links that the soft adapter has already. */
  readonly links: readonly number[];
}

const eagain = 6;
const lastLid = 0xbfff;
/** Turns of one call; what is left comes in the next. */
const mostTurns = 16;
/** How long a program that has ended stays for others to take what it sent, and how often it looks. */
const lingerMs = 800;
const lingerLookMs = 20;
/** How often a guest that polls looks at the clock, in turns. */
const clockTurns = 64;
/** The tag of a link's frames serves as their checksum here: who could forge one has the guest's memory already. */
const noSecret = new Uint8Array(LINK_KEY_BYTES).fill(0x56);

export class NetworkStack {
  readonly adapter: Adapter;
  readonly #engine: WireEngine;
  readonly #front: NetFront;
  readonly #peers: PeerStreams;
  readonly #memory: WebAssembly.Memory;
  readonly #lid: number;
  readonly #links: number[];
  readonly #open = new Map<number, Peer>();
  readonly #control: ControlBlock;
  #turns = 0;

  constructor(start: NetworkStart, vmm: Vmm) {
    this.#front = new NetFront(start.page, start.driver, vmm);
    this.#engine = new WireEngine(start.wire);
    this.#memory = start.wire.adapterMemory;
    this.#lid = start.lid;
    this.#control = vmm.control;
    this.#links = [...start.links];
    const life = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    this.#peers = new PeerStreams(this.#front, start.lid, (life | 1) >>> 0, (peer) => this.#begin(peer));
    this.adapter = this.#adapterOver(openAdapter(start.adapter));
  }

  #adapterOver(soft: Adapter): Adapter {
    const ring = soft.uarWrite as (register: number, low: number, high: number) => void;
    const uarWrite = (register: number, low: number, high: number): void => {
      if (register !== VB_UAR_POLL) ring(register, low, high);
      const lost = this.#engine.takeLostLid();
      if (lost !== 0) this.#reach(lost);
      if (register === VB_UAR_CQ_ARM || register === VB_UAR_CQ_ARM_SOLICITED) this.rest();
      else this.#work();
    };
    const command: Adapter['command'] = (opcode, input) => {
      // Streams lead to those that were asked for: nobody knows the members of a group.
      if (opcode >= VB_CMD_JOIN_MCAST && opcode <= VB_CMD_DETACH_MCAST) return { status: VB_ENOSYS, output: new Uint8Array() };
      if (opcode === VB_CMD_MODIFY_QP && input.length >= modifyQpIn.offsets.dest_qpn) this.#reachPeerOf(input);
      const answer = soft.command(opcode, input);
      this.#work();
      return answer;
    };
    return { uarWrite, command };
  }

  #reachPeerOf(input: Uint8Array): void {
    const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
    if ((modifyQpIn.get(view, 0, 'attr_mask') & VB_ATTR_DEST) !== 0) this.#reach(modifyQpIn.get(view, 0, 'dest_lid'));
  }

  #reach(lid: number): void {
    if (lid !== this.#lid && lid > 0 && lid <= lastLid) this.#peers.to(lid);
  }

  /** A link of the soft adapter for the stream to a peer; there are only so many. */
  #begin(peer: Peer): boolean {
    const { lid, stream } = peer;
    let link: number;
    try {
      link = this.#links.shift() ?? this.#engine.addLink();
    } catch {
      return false;
    }
    this.#engine.route(lid, link);
    this.#open.set(link, peer);
    const moved = (at: number, bytes: number): number => {
      new DataView(sharedBuffer(this.#memory)).setUint32(at, bytes, true);
      return bytes === 0 ? eagain : 0;
    };
    const overStream: WasiStream = {
      fd_read: (_fd, vector, _count, result) => moved(result, stream.read(this.#piece(vector))),
      fd_write: (_fd, vector, _count, result) => moved(result, stream.write(this.#piece(vector))),
    };
    this.#engine.open(link, overStream, { send: noSecret, receive: noSecret });
    return true;
  }

  #piece(vector: number): Uint8Array {
    const buffer = sharedBuffer(this.#memory);
    const view = new DataView(buffer, vector, 8);
    return new Uint8Array(buffer, view.getUint32(0, true), view.getUint32(4, true));
  }

  /** One turn: what has come, what the adapter makes of it, what goes. False when nothing moved. */
  #turn(nowMs: number): boolean {
    const heard = this.#peers.receive(nowMs);
    const moved = (this.#engine.poll(1) & WIRE_BUSY) !== 0;
    if (heard) this.#forgetLeft();
    const sent = this.#peers.transmit(nowMs);
    return heard || moved || sent;
  }

  /** Connections to programs that have ended fail, as they do at an adapter that knows of it. */
  #forgetLeft(): void {
    for (const [link, { left }] of this.#open) {
      if (!left) continue;
      this.#open.delete(link);
      this.#engine.lose(link);
    }
  }

  #work(): void {
    if (this.#turns++ % clockTurns === 0) this.#peers.expire(performance.now());
    let any = false;
    for (let left = mostTurns; left > 0 && this.#turn(performance.now()); left--) any = true;
    if (!any) this.#engine.settle();
    this.#peers.acknowledge(!any);
    this.#peers.flush();
  }

  /** All that can be done now; afterwards the next frame raises an event, and so does time if something waits for it. For a guest that is about to sleep. */
  rest(): void {
    const { page } = this.#front;
    do {
      const nowMs = performance.now();
      this.#peers.expire(nowMs);
      for (let left = mostTurns; left > 0 && this.#turn(nowMs); left--);
      this.#engine.settle();
      this.#turn(nowMs);
      this.#peers.acknowledge(true);
      this.#peers.flush();
      page.store('wantsTime', this.#peers.outstanding || this.#engine.hasRequests() ? 1 : 0);
      page.store('wantsEvent', 1);
    } while (this.#front.waiting);
  }

  /** The program has ended. Its system stays until others have what it sent, for a while; then it takes its leave. */
  close(): void {
    const { words } = this.#control;
    const end = performance.now() + lingerMs;
    for (;;) {
      const bell = this.#control.load(word.bell);
      this.rest();
      const owes = this.#peers.outstanding || this.#engine.hasRequests();
      if (!owes || performance.now() > end || (this.#control.load(word.attention) & ATTENTION_KILL) !== 0) break;
      Atomics.wait(words, word.bell, bell, lingerLookMs);
    }
    this.#peers.leave();
  }
}
