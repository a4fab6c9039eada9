/** A guest driven by hand, for specs: its memory, its adapter, and the rings that a verbs client would make in it. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import * as abi from '@verbena/guest-abi';
import type { StructValue } from '@verbena/binary';
import { HostAdapter } from '../host-adapter.ts';
import { openAdapter } from '../open-adapter.ts';
import type { Adapter, FirmwareModules, PeerMemory, PortMessage } from '../types.ts';

export type Cqe = StructValue<typeof abi.cqe.fields>;
export type UarWrite = (reg: number, lo: number, hi: number) => void;

/** Hosts of one partition in one process, without a fabric: every guest learns of every other. */
export class HandHost {
  readonly adapter: HostAdapter;
  readonly guests: HandGuest[] = [];

  constructor(firmware: FirmwareModules) {
    this.adapter = new HostAdapter(firmware);
  }

  guest(pkey = 1, pages = 256): HandGuest {
    const guest = new HandGuest(this, pkey, pages);
    for (const other of this.guests.filter((each) => each.pkey === pkey)) {
      other.tell({ kind: 'learn', peer: guest.peer });
      guest.tell({ kind: 'learn', peer: other.peer });
    }
    this.guests.push(guest);
    return guest;
  }

  /** Two guests with one connected queue pair each. */
  pair(options: QpOptions = {}): [HandGuest, HandQp, HandGuest, HandQp] {
    const [a, b] = [this.guest(), this.guest()];
    const [qa, qb] = [a.queuePair(options), b.queuePair(options)];
    qa.connect(qb);
    qb.connect(qa);
    return [a, qa, b, qb];
  }
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

  constructor(host: HandHost, pkey: number, pages: number) {
    this.host = host;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
    this.view = new DataView(this.memory.buffer);
    this.bytes = new Uint8Array(this.memory.buffer);
    this.peer = host.adapter.addDomain(this.memory, host.guests.length + 1, 1n);
    this.pkey = pkey;
    host.adapter.setPartition(this.peer.slot, pkey);
    this.thread = host.adapter.addThread(this.peer);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.unref();
    this.adapter = openAdapter({
      firmware: host.adapter.firmware,
      adapterMemory: host.adapter.memory.memory,
      slot: this.peer.slot,
      epoch: this.peer.epoch,
      thread: this.thread,
      guestMemory: this.memory,
      peers: [],
      port: port2,
    });
    this.uar = this.adapter.uarWrite as UarWrite;
  }

  get lid(): number {
    return this.host.adapter.memory.domain(this.peer.slot).get('lid');
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
    return this.adapter.command(opcode, input);
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

  get pendingEvents(): number {
    return abi.eventPage.get(this.view, abi.VB_EVENT_PAGE_ADDR, 'pending');
  }

  get wakeups(): number {
    return abi.eventPage.get(this.view, abi.VB_EVENT_PAGE_ADDR, 'wakeups');
  }
}

export class HandCq {
  readonly guest: HandGuest;
  readonly entries: number;
  readonly ring: number;
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

  arm(): void {
    this.guest.uar(abi.VB_UAR_CQ_ARM, this.cqn, this.consumer);
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
    });
    this.qpn = abi.createQpOut.decode(guest.must(abi.VB_CMD_CREATE_QP, input)).qpn;
  }

  modify(state: number, values: Partial<StructValue<typeof abi.modifyQpIn.fields>> = {}): number {
    const given =
      (values.access === undefined ? 0 : abi.VB_ATTR_ACCESS) |
      (values.dest_qpn === undefined ? 0 : abi.VB_ATTR_DEST) |
      (values.rnr_retry === undefined ? 0 : abi.VB_ATTR_RETRY);
    const input = abi.modifyQpIn.encode({ qpn: this.qpn, state, attr_mask: abi.VB_ATTR_STATE | given, ...values });
    return this.guest.command(abi.VB_CMD_MODIFY_QP, input).status;
  }

  get state(): number {
    return abi.queryQpOut.decode(this.guest.must(abi.VB_CMD_QUERY_QP, abi.cmdHandle.encode({ handle: this.qpn }))).state;
  }

  /** RESET to RTS towards another queue pair. */
  connect(other: HandQp): void {
    const steps = [
      this.modify(abi.VB_QPS_INIT, { access: this.#options.access ?? ALL }),
      this.modify(abi.VB_QPS_RTR, { dest_lid: other.guest.lid, dest_qpn: other.qpn }),
      this.modify(abi.VB_QPS_RTS, { retry_count: 7, rnr_retry: this.#options.rnrRetry ?? 7 }),
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
