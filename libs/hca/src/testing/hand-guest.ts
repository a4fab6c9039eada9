/** A guest driven by hand, for specs: its memory, its adapter, and the rings that a verbs client would make in it. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import * as abi from '@verbena/guest-abi';
import type { StructValue } from '@verbena/binary';
import type { HostAdapter } from '../host-adapter.ts';
import { openAdapter } from '../open-adapter.ts';
import { HandLink, HandProcess, settle } from './hand-wire.ts';
import type { Adapter, FirmwareModules, PeerMemory, PortMessage } from '../types.ts';

export type Cqe = StructValue<typeof abi.cqe.fields>;
export type UarWrite = (reg: number, lo: number, hi: number) => void;

/** What lies between two guests: the memory of their process, or a link between two processes. */
export type Transport = 'memory' | 'wire';
export const TRANSPORTS: readonly Transport[] = ['memory', 'wire'];

/** Hosts of one partition, without a fabric: every guest learns of every other. Over the wire, each is in a process of its own. */
export class HandHost {
  readonly guests: HandGuest[] = [];
  readonly processes: HandProcess[] = [];
  readonly links: HandLink[] = [];
  readonly #firmware: FirmwareModules;
  readonly #transport: Transport;

  constructor(firmware: FirmwareModules, transport: Transport = 'memory') {
    this.#firmware = firmware;
    this.#transport = transport;
    this.process();
  }

  /** The adapter of the first process. */
  get adapter(): HostAdapter {
    const [first] = this.processes;
    if (first === undefined) throw new Error('a host has a process');
    return first.adapter;
  }

  /** A process more, linked to all others. */
  process(): HandProcess {
    const fresh = new HandProcess(this.#firmware, 16 * this.processes.length);
    for (const other of this.processes) {
      const link = new HandLink(other, fresh);
      this.links.push(link);
      for (const { process, lid } of this.guests) if (process === other) fresh.adapter.route(lid, link.numbers[1]);
    }
    this.processes.push(fresh);
    return fresh;
  }

  /** Lets everything that is on its way arrive. */
  settle(): void {
    if (this.#transport === 'wire') settle(this.processes);
  }

  tick(nowMs: number): void {
    for (const { adapter } of this.processes) adapter.tick(nowMs);
    this.settle();
  }

  guest(pkey = 1, pages = 256): HandGuest {
    const [first] = this.processes;
    const alone = this.#transport === 'memory' || this.guests.length === 0;
    return this.guestIn(alone && first !== undefined ? first : this.process(), pkey, pages);
  }

  /** A guest more at the port of another. */
  guestAt(other: HandGuest): HandGuest {
    return this.guestIn(other.process, other.pkey, 1024, other.lid);
  }

  guestIn(process: HandProcess, pkey = 1, pages = 256, lid = this.guests.length + 1): HandGuest {
    const guest = new HandGuest(this, process, pkey, pages, lid);
    for (const { ends, numbers } of this.links) {
      const here = ends.indexOf(process);
      if (here >= 0) ends[1 - here]?.adapter.route(guest.lid, numbers[1 - here]);
    }
    for (const other of this.guests.filter((each) => each.pkey === pkey && each.process === process)) {
      other.tell({ kind: 'learn', peer: guest.peer });
      guest.tell({ kind: 'learn', peer: other.peer });
    }
    this.guests.push(guest);
    return guest;
  }

  /** Two guests with one connected queue pair each. */
  pair(options: QpOptions = {}, pages = 256): [HandGuest, HandQp, HandGuest, HandQp] {
    const [a, b] = [this.guest(1, pages), this.guest(1, pages)];
    const [qa, qb] = [a.queuePair(options), b.queuePair(options)];
    qa.connect(qb);
    qb.connect(qa);
    return [a, qa, b, qb];
  }
}

export interface WirePair {
  readonly host: HandHost;
  readonly a: HandGuest;
  readonly qa: HandQp;
  readonly b: HandGuest;
  readonly qb: HandQp;
  readonly link: HandLink;
}

/** Two guests of two processes, connected. */
export function pairOverWire(firmware: FirmwareModules, options: QpOptions = {}): WirePair {
  const host = new HandHost(firmware, 'wire');
  const [a, qa, b, qb] = host.pair(options, 512);
  const [link] = host.links;
  if (link === undefined) throw new Error('two processes have a link');
  return { host, a, qa, b, qb, link };
}

export interface QpOptions {
  readonly pd?: number;
  readonly flags?: number;
  readonly sqEntries?: number;
  readonly sqStride?: number;
  readonly rqEntries?: number;
  readonly rqStride?: number;
  readonly cqEntries?: number;
  readonly access?: number;
  readonly rnrRetry?: number;
  /** VB_QPT_*; RC when absent. */
  readonly type?: number;
  readonly srq?: HandSrq;
  readonly qkey?: number;
  /** 1: 256 bytes, ... 5: 4096 bytes, as when absent. */
  readonly mtu?: number;
  /** Where packets begin to count that it sends, and that it expects; 0 when absent. */
  readonly sl?: number;
  readonly sqPsn?: number;
  readonly rqPsn?: number;
}

const ALL = abi.VB_ACCESS_LOCAL_WRITE | abi.VB_ACCESS_REMOTE_WRITE;

export class HandGuest {
  readonly memory: WebAssembly.Memory;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly peer: PeerMemory;
  readonly pkey: number;
  readonly thread: number;
  readonly adapter: Adapter;
  readonly uar: UarWrite;
  readonly #port: MessagePort;
  #next: number = abi.VB_DATA_BASE;
  #pd = 0;

  readonly host: HandHost;
  readonly process: HandProcess;

  constructor(host: HandHost, process: HandProcess, pkey: number, pages: number, lid: number) {
    this.host = host;
    this.process = process;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
    this.view = new DataView(this.memory.buffer);
    this.bytes = new Uint8Array(this.memory.buffer);
    const { adapter } = process;
    this.peer = adapter.addDomain(this.memory, lid, 1n);
    process.learn(this.peer);
    this.pkey = pkey;
    adapter.setPartition(this.peer.slot, pkey);
    this.thread = adapter.addThread(this.peer);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.unref();
    this.adapter = openAdapter({
      firmware: adapter.firmware,
      adapterMemory: adapter.memory.memory,
      slot: this.peer.slot,
      epoch: this.peer.epoch,
      thread: this.thread,
      guestMemory: this.memory,
      peers: [],
      port: port2,
    });
    const write = this.adapter.uarWrite as UarWrite;
    this.uar = (register, low, high) => {
      write(register, low, high);
      host.settle();
    };
  }

  get lid(): number {
    return this.process.adapter.memory.domain(this.peer.slot).get('lid');
  }

  tell(message: PortMessage): void {
    this.#port.postMessage(message);
  }

  /** Zeroed memory of this guest, aligned to 64 bytes. */
  alloc(bytes: number): number {
    const at = this.#next;
    this.#next += Math.ceil(bytes / 64) * 64;
    return at;
  }

  command(opcode: number, input: Uint8Array = new Uint8Array()): { status: number; output: Uint8Array } {
    const result = this.adapter.command(opcode, input);
    this.host.settle();
    return result;
  }

  /** A command that must succeed. */
  must(opcode: number, input: Uint8Array = new Uint8Array()): Uint8Array {
    const { status, output } = this.command(opcode, input);
    if (status !== 0) throw new Error(`command ${opcode} was refused with ${status}`);
    return output;
  }

  get pd(): number {
    this.#pd ||= abi.cmdHandle.decode(this.must(abi.VB_CMD_ALLOC_PD)).handle;
    return this.#pd;
  }

  register(addr: number, length: number, access = ALL, pd = this.pd): { lkey: number; rkey: number; handle: number } {
    const input = abi.regMrIn.encode({ pd, access, addr: BigInt(addr), length: BigInt(length) });
    return abi.regMrOut.decode(this.must(abi.VB_CMD_REG_MR, input));
  }

  /** A registered buffer. */
  buffer(length: number, access = ALL): { addr: number; lkey: number; rkey: number; handle: number } {
    const addr = this.alloc(length);
    return { addr, ...this.register(addr, length, access) };
  }

  completionQueue(entries: number): HandCq {
    return new HandCq(this, entries);
  }

  queuePair(options: QpOptions = {}): HandQp {
    return new HandQp(this, options);
  }

  /** A queue for asynchronous events. */
  events(entries = 16): HandCq {
    const cq = this.completionQueue(entries);
    this.must(abi.VB_CMD_SET_EVENTS, abi.cmdHandle.encode({ handle: cq.cqn }));
    return cq;
  }

  window(pd = this.pd): number {
    return abi.cmdHandle.decode(this.must(abi.VB_CMD_ALLOC_MW, abi.allocMwIn.encode({ pd }))).handle;
  }

  get pendingEvents(): number {
    return abi.eventPage.get(this.view, abi.VB_EVENT_PAGE_ADDR, 'pending');
  }

  get wakeups(): number {
    return abi.eventPage.get(this.view, abi.VB_EVENT_PAGE_ADDR, 'wakeups');
  }
}

export class HandCq {
  readonly guest: HandGuest;
  entries: number;
  ring: number;
  readonly cqn: number;
  consumer = 0;

  constructor(guest: HandGuest, entries: number) {
    this.guest = guest;
    this.entries = entries;
    this.ring = guest.alloc(entries * abi.cqe.size);
    this.cqn = abi.cmdHandle.decode(
      guest.must(abi.VB_CMD_CREATE_CQ, abi.createCqIn.encode({ ring_addr: BigInt(this.ring), entries })),
    ).handle;
  }

  /** The next completion, and tells the adapter that its entry is free. */
  poll(): Cqe | undefined {
    const entry = abi.cqe.read(this.guest.view, this.ring + (this.consumer % this.entries) * abi.cqe.size);
    if (entry.generation !== (this.consumer + 1) >>> 0) return undefined;
    this.consumer++;
    this.guest.uar(abi.VB_UAR_CQ_CI, this.cqn, this.consumer);
    return entry;
  }

  drain(): Cqe[] {
    const all: Cqe[] = [];
    for (let next = this.poll(); next !== undefined; next = this.poll()) all.push(next);
    return all;
  }

  /** Moves it to a ring of so many entries: the command's status. */
  resize(entries: number, ring = this.guest.alloc(entries * abi.cqe.size)): number {
    const input = abi.resizeCqIn.encode({ cqn: this.cqn, entries, ring_addr: BigInt(ring) });
    const { status } = this.guest.command(abi.VB_CMD_RESIZE_CQ, input);
    if (status === 0) [this.ring, this.entries] = [ring, entries];
    return status;
  }

  arm(): void {
    this.guest.uar(abi.VB_UAR_CQ_ARM, this.cqn, this.consumer);
  }
}

/** A shared receive queue. */
export class HandSrq {
  readonly guest: HandGuest;
  readonly ring: number;
  readonly srqn: number;
  readonly #entries: number;
  readonly #stride: number;
  tail = 0;

  constructor(guest: HandGuest, entries: number, stride = 64, limit = 0) {
    this.guest = guest;
    this.#entries = entries;
    this.#stride = stride;
    this.ring = guest.alloc(entries * stride);
    const input = abi.createSrqIn.encode({ ring_addr: BigInt(this.ring), pd: guest.pd, entries, stride, limit });
    this.srqn = abi.cmdHandle.decode(guest.must(abi.VB_CMD_CREATE_SRQ, input)).handle;
  }

  receive(list: readonly { readonly addr: number; readonly length: number; readonly lkey: number }[] = [], wrId = BigInt(this.tail)): void {
    const at = this.ring + (this.tail % this.#entries) * this.#stride;
    abi.recvWqe.write(this.guest.view, at, { wr_id: wrId, num_sge: list.length, reserved: 0 });
    list.forEach((each, i) => {
      abi.sge.write(this.guest.view, at + abi.VB_RECV_WQE_HEADER + i * abi.sge.size, { ...each, addr: BigInt(each.addr) });
    });
    this.tail++;
    this.guest.uar(abi.VB_UAR_SRQ, this.srqn, this.tail);
  }
}

export interface SendWish {
  readonly wrId?: bigint;
  readonly opcode?: number;
  readonly flags?: number;
  readonly imm?: number;
  readonly inline?: Uint8Array;
  readonly inlineLength?: number;
  readonly list?: readonly { readonly addr: number | bigint; readonly length: number; readonly lkey: number }[];
  readonly sges?: number;
  readonly remote?: number | bigint;
  readonly rkey?: number;
  /** Operands of an atomic. */
  readonly atomic?: { readonly compare_add: bigint; readonly swap?: bigint };
}

export class HandQp {
  readonly guest: HandGuest;
  readonly sendCq: HandCq;
  readonly recvCq: HandCq;
  readonly qpn: number;
  readonly sq: number;
  readonly rq: number;
  readonly #sqEntries: number;
  readonly #sqStride: number;
  readonly #rqEntries: number;
  readonly #rqStride: number;
  readonly #options: QpOptions;
  sqTail = 0;
  rqTail = 0;

  constructor(guest: HandGuest, options: QpOptions) {
    this.guest = guest;
    this.#options = options;
    this.#sqEntries = options.sqEntries ?? 64;
    this.#sqStride = options.sqStride ?? 128;
    this.#rqEntries = options.rqEntries ?? 64;
    this.#rqStride = options.rqStride ?? 64;
    this.sendCq = guest.completionQueue(options.cqEntries ?? 256);
    this.recvCq = guest.completionQueue(options.cqEntries ?? 256);
    this.sq = guest.alloc(this.#sqEntries * this.#sqStride);
    this.rq = guest.alloc(this.#rqEntries * this.#rqStride);
    const input = abi.createQpIn.encode({
      pd: options.pd ?? guest.pd,
      send_cq: this.sendCq.cqn,
      recv_cq: this.recvCq.cqn,
      flags: options.flags ?? 0,
      sq_addr: BigInt(this.sq),
      rq_addr: BigInt(this.rq),
      sq_entries: this.#sqEntries,
      sq_stride: this.#sqStride,
      rq_entries: this.#rqEntries,
      rq_stride: this.#rqStride,
      type: options.type ?? 0,
      srq: options.srq?.srqn ?? 0,
    });
    this.qpn = abi.createQpOut.decode(guest.must(abi.VB_CMD_CREATE_QP, input)).qpn;
  }

  modify(state: number, values: Partial<StructValue<typeof abi.modifyQpIn.fields>> = {}): number {
    const given =
      (values.access === undefined ? 0 : abi.VB_ATTR_ACCESS) |
      (values.dest_qpn === undefined ? 0 : abi.VB_ATTR_DEST) |
      (values.rnr_retry === undefined ? 0 : abi.VB_ATTR_RETRY) |
      (values.qkey === undefined ? 0 : abi.VB_ATTR_QKEY) |
      (values.pkey_index === undefined ? 0 : abi.VB_ATTR_PKEY_INDEX) |
      (values.path_mtu === undefined ? 0 : abi.VB_ATTR_PATH_MTU) |
      (values.sq_psn === undefined ? 0 : abi.VB_ATTR_SQ_PSN) |
      (values.rq_psn === undefined ? 0 : abi.VB_ATTR_RQ_PSN) |
      (values.sl === undefined ? 0 : abi.VB_ATTR_SL) |
      (values.attr_mask ?? 0);
    const input = abi.modifyQpIn.encode({ qpn: this.qpn, state, ...values, attr_mask: abi.VB_ATTR_STATE | given });
    return this.guest.command(abi.VB_CMD_MODIFY_QP, input).status;
  }

  get state(): number {
    return abi.queryQpOut.decode(this.guest.must(abi.VB_CMD_QUERY_QP, abi.cmdHandle.encode({ handle: this.qpn }))).state;
  }

  /** A datagram queue pair: RESET to RTS. */
  open(): void {
    const steps = [
      this.modify(abi.VB_QPS_INIT, { qkey: this.#options.qkey ?? 0 }),
      this.modify(abi.VB_QPS_RTR),
      this.modify(abi.VB_QPS_RTS),
    ];
    if (steps.some((status) => status !== 0)) throw new Error(`opening failed: ${steps.join(', ')}`);
  }

  /** RESET to RTS towards another queue pair. */
  connect(other: HandQp): void {
    const reliable = (this.#options.type ?? abi.VB_QPT_RC) === abi.VB_QPT_RC;
    const steps = [
      this.modify(abi.VB_QPS_INIT, { access: this.#options.access ?? ALL }),
      this.modify(abi.VB_QPS_RTR, {
        ...{ dest_lid: other.guest.lid, dest_qpn: other.qpn, path_mtu: this.#options.mtu ?? 5 },
        ...{ rq_psn: this.#options.rqPsn ?? 0, sl: this.#options.sl ?? 0 },
      }),
      this.modify(abi.VB_QPS_RTS, {
        sq_psn: this.#options.sqPsn ?? 0,
        ...(reliable ? { retry_count: 7, rnr_retry: this.#options.rnrRetry ?? 7 } : {}),
      }),
    ];
    if (steps.some((status) => status !== 0)) throw new Error(`connecting failed: ${steps.join(', ')}`);
  }

  /** Writes a work request without ringing. */
  prepare(wish: SendWish): void {
    const { view, bytes } = this.guest;
    const at = this.sq + (this.sqTail % this.#sqEntries) * this.#sqStride;
    const list = wish.list ?? [];
    abi.sendWqe.write(view, at, {
      wr_id: wish.wrId ?? BigInt(this.sqTail),
      opcode: wish.opcode ?? abi.VB_WR_SEND,
      flags: (wish.flags ?? abi.VB_SEND_SIGNALED) | (wish.inline === undefined ? 0 : abi.VB_SEND_INLINE),
      num_sge: wish.sges ?? list.length,
      imm: wish.imm ?? 0,
      remote_addr: BigInt(wish.remote ?? 0),
      rkey: wish.rkey ?? 0,
      inline_len: wish.inlineLength ?? wish.inline?.length ?? 0,
    });
    if (wish.inline !== undefined) bytes.set(wish.inline, at + abi.VB_SEND_WQE_HEADER);
    list.forEach((each, i) => {
      abi.sge.write(view, at + abi.VB_SEND_WQE_HEADER + i * abi.sge.size, { ...each, addr: BigInt(each.addr) });
    });
    if (wish.atomic !== undefined) abi.atomic.write(view, at + abi.VB_SEND_WQE_HEADER + abi.sge.size, { swap: 0n, ...wish.atomic });
    this.sqTail++;
  }

  ring(): void {
    this.guest.uar(abi.VB_UAR_SQ, this.qpn, this.sqTail);
  }

  send(wish: SendWish): void {
    this.prepare(wish);
    this.ring();
  }

  receive(
    list: readonly { readonly addr: number | bigint; readonly length: number; readonly lkey: number }[] = [],
    wrId?: bigint,
    sges?: number,
  ): void {
    const { view } = this.guest;
    const at = this.rq + (this.rqTail % this.#rqEntries) * this.#rqStride;
    abi.recvWqe.write(view, at, { wr_id: wrId ?? BigInt(this.rqTail), num_sge: sges ?? list.length, reserved: 0 });
    list.forEach((each, i) => {
      abi.sge.write(view, at + abi.VB_RECV_WQE_HEADER + i * abi.sge.size, { ...each, addr: BigInt(each.addr) });
    });
    this.rqTail++;
    this.guest.uar(abi.VB_UAR_RQ, this.qpn, this.rqTail);
  }
}
