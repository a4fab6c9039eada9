/** One thread's instance of the firmware, and its windows into the memories of other domains. */
import type { AdapterMemory } from './adapter-memory.ts';
import { VBF_DOMAINS, VBF_LINKS, VBF_THREAD_ADDR, VBF_THREAD_STRIDE, link as linkLayout, thread as threadLayout } from './layout.ts';
import type { FirmwareModules, PeerMemory } from './types.ts';

/** As in firmware/memory.h. */
const PEER_FUNCTIONS = ['push', 'copy_out', 'copy_in', 'read', 'raise', 'generation', 'gather', 'scatter', 'cas', 'fadd'] as const;
const STREAM_FUNCTIONS = ['read', 'write'] as const;
const TABLE_BASE = 64;
const TABLE_STRIDE = 16;
const STREAM_BASE = TABLE_BASE + VBF_DOMAINS * TABLE_STRIDE;

interface CoreExports {
  readonly uar_write: (reg: number, lo: number, hi: number) => void;
  readonly qp_opened: (qpn: number) => void;
  readonly qp_error: (qpn: number) => void;
  /** 1 when nothing of the send queue is under way any more. */
  readonly qp_drain: (qpn: number) => number;
  readonly event: (slot: number, type: number, number: number) => void;
  /** 0; 1: too small for what is there; 2: a completion that was begun does not end. */
  readonly cq_move: (cqn: number, ring: number, entries: number) => number;
  readonly qp_gone: (qpn: number) => void;
  readonly wire_turn: (link: number) => number;
  readonly wire_poll: (turns: number) => number;
  readonly wire_settle: () => void;
  readonly wire_doze: () => number;
  readonly wire_resume: (held: number) => void;
  readonly link_up: (link: number, received: number) => void;
  readonly link_down: (link: number) => void;
  readonly link_lost: (link: number) => void;
  readonly qp_quiesce: (qpn: number, milliseconds: number) => number;
  readonly tick: (nowMs: number) => void;
  readonly recover: (thread: number) => void;
  readonly __stack_pointer: WebAssembly.Global;
  readonly __indirect_function_table: WebAssembly.Table;
}

/** A byte stream as WASI preview 1 has it: descriptor 0 is read, descriptor 1 written; both return an error number at once. */
export interface WasiStream {
  readonly fd_read: (fd: number, vectors: number, count: number, moved: number) => number;
  readonly fd_write: (fd: number, vectors: number, count: number, moved: number) => number;
  /** The descriptor, when other threads may use it by themselves. */
  readonly fd?: number;
  /** Called with the instance that exports the memory to which the addresses belong. */
  readonly initialize?: (instance: WebAssembly.Instance) => void;
}

export class FirmwareInstance {
  readonly core: CoreExports;
  readonly #modules: FirmwareModules;
  readonly #adapter: AdapterMemory;
  readonly #own: WebAssembly.Memory;
  readonly #slot: number;
  readonly #knownAt: number;

  /**
   * @param slot whose doorbells this instance rings; VBF_DOMAINS or more for a thread of no domain
   * @param connect opens the stream of a link on this thread, and says whether it could
   * @param learn takes note of the domains that have come
   */
  constructor(
    modules: FirmwareModules,
    adapter: AdapterMemory,
    thread: number,
    slot: number,
    own: WebAssembly.Memory,
    connect: (link: number) => boolean = () => false,
    learn: () => void = () => undefined,
  ) {
    this.#modules = modules;
    this.#adapter = adapter;
    this.#own = own;
    this.#slot = slot;
    const context = VBF_THREAD_ADDR + thread * VBF_THREAD_STRIDE;
    this.#knownAt = (context + threadLayout.offsets.known) >>> 2;
    const imports = { env: { memory: adapter.memory }, own: { memory: own, thread, slot, table: TABLE_BASE }, host: { connect, learn } };
    this.core = new WebAssembly.Instance(modules.core, imports).exports as unknown as CoreExports;
    const table = this.core.__indirect_function_table;
    if (table.length > TABLE_BASE) throw new Error(`the firmware has ${table.length} table entries of its own: raise TABLE_BASE`);
    table.grow(STREAM_BASE + VBF_LINKS * STREAM_FUNCTIONS.length - table.length);
    this.core.__stack_pointer.value = context + VBF_THREAD_STRIDE;
  }

  /** Whether this thread reaches the memory of the domain in `slot` of this epoch. */
  knows(slot: number, epoch: number): boolean {
    return slot === this.#slot || this.#adapter.words[this.#knownAt + slot] === epoch;
  }

  /** Opens a window into another domain's memory. */
  learn(peer: PeerMemory): void {
    if (peer.slot === this.#slot || peer.slot >= VBF_DOMAINS) return;
    const imports = { adapter: { memory: this.#adapter.memory }, own: { memory: this.#own }, peer: { memory: peer.memory } };
    const window = new WebAssembly.Instance(this.#modules.peer, imports).exports;
    PEER_FUNCTIONS.forEach((name, i) => {
      this.core.__indirect_function_table.set(TABLE_BASE + peer.slot * TABLE_STRIDE + i, window[name]);
    });
    Atomics.store(this.#adapter.words, this.#knownAt + peer.slot, peer.epoch);
  }

  /** Gives a link its stream: functions that move bytes between the adapter memory and a socket, with the signatures of WASI preview 1. */
  connect(link: number, wasi: WasiStream): void {
    const row = this.#adapter.link(link);
    const vector = row.address + linkLayout.offsets.vector;
    const imports = {
      wasi: { fd_read: wasi.fd_read, fd_write: wasi.fd_write },
      stream: { vector },
      adapter: { memory: this.#adapter.memory },
    };
    const instance = new WebAssembly.Instance(this.#modules.stream, imports);
    wasi.initialize?.(instance);
    STREAM_FUNCTIONS.forEach((name, i) => {
      this.core.__indirect_function_table.set(STREAM_BASE + link * STREAM_FUNCTIONS.length + i, instance.exports[name]);
    });
  }

  disconnect(link: number): void {
    STREAM_FUNCTIONS.forEach((_, i) => {
      this.core.__indirect_function_table.set(STREAM_BASE + link * STREAM_FUNCTIONS.length + i, null);
    });
  }

  /** Closes a window, so that the memory of a domain that is gone can be freed. */
  forget(slot: number, epoch: number): void {
    if (Atomics.compareExchange(this.#adapter.words, this.#knownAt + slot, epoch, 0) !== epoch) return;
    for (let i = 0; i < PEER_FUNCTIONS.length; i++) {
      this.core.__indirect_function_table.set(TABLE_BASE + slot * TABLE_STRIDE + i, null);
    }
  }
}
