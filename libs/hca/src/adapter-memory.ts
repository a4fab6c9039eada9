/** The adapter memory as tables of rows, for the control path. The firmware works on the same bytes: see firmware/layout.h. */
import type { Struct, StructValue } from '@verbena/binary';
import * as layout from './layout.ts';

/** Name of an entry that is neither anybody's nor free: some thread may still be working on it. No queue has this number. */
export const RETIRED = 0xffff_ffff;

/** One structure of the adapter memory, field by field. */
export class Row<S> {
  readonly address: number;
  readonly #struct: Struct<S>;
  readonly #view: DataView;
  readonly #words: Int32Array;

  constructor(struct: Struct<S>, view: DataView, words: Int32Array, address: number) {
    this.address = address;
    this.#struct = struct;
    this.#view = view;
    this.#words = words;
  }

  get<K extends keyof S>(key: K): StructValue<S>[K] {
    return this.#struct.get(this.#view, this.address, key) as StructValue<S>[K];
  }

  set(values: Partial<StructValue<S>>): void {
    this.#struct.write(this.#view, this.address, values as StructValue<S>);
  }

  /** Stores a 32-bit field so that threads which see it also see everything stored before. */
  publish<K extends keyof S>(key: K, value: number): void {
    Atomics.store(this.#words, this.wordOf(key), value);
  }

  /** Loads a 32-bit field that other threads write. */
  load<K extends keyof S>(key: K): number {
    return Atomics.load(this.#words, this.wordOf(key)) >>> 0;
  }

  /** Index of a 32-bit field in the memory as an Int32Array. */
  wordOf<K extends keyof S>(key: K): number {
    return (this.address + this.#struct.offsets[key]) >>> 2;
  }

  add<K extends keyof S>(key: K, value: number): void {
    Atomics.add(this.#words, this.wordOf(key), value);
  }

  /** All fields zero, but for those given. */
  clear(values: Partial<StructValue<S>> = {}): void {
    new Uint8Array(this.#view.buffer, this.address, this.#struct.size).fill(0);
    this.set(values);
  }
}

type RowOf<T> = T extends Struct<infer S> ? Row<S> : never;
export type QpRow = RowOf<typeof layout.qp>;
export type CqRow = RowOf<typeof layout.cq>;
export type MrRow = RowOf<typeof layout.mr>;
export type PdRow = RowOf<typeof layout.pd>;
export type SrqRow = RowOf<typeof layout.srq>;
export type PortRow = RowOf<typeof layout.port>;
export type GroupRow = RowOf<typeof layout.group>;
export type DomainRow = RowOf<typeof layout.domain>;
export type ThreadRow = RowOf<typeof layout.thread>;
export type LinkRow = RowOf<typeof layout.link>;
export type HeaderRow = RowOf<typeof layout.header>;

export class AdapterMemory {
  readonly memory: WebAssembly.Memory;
  readonly words: Int32Array;
  readonly header: HeaderRow;
  readonly #view: DataView;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.words = new Int32Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
    this.header = this.#row(layout.header, layout.VBF_HEADER_ADDR);
  }

  static create(): AdapterMemory {
    const pages = layout.VBF_MEMORY_BYTES / 65536;
    const maximum = layout.VBF_MEMORY_MAX / 65536;
    return new AdapterMemory(new WebAssembly.Memory({ initial: pages, maximum, shared: true }));
  }

  #row<S>(struct: Struct<S>, address: number): Row<S> {
    return new Row(struct, this.#view, this.words, address);
  }

  qp(index: number): QpRow {
    return this.#row(layout.qp, layout.VBF_QP_ADDR + (index % layout.VBF_QPS) * layout.qp.size);
  }

  cq(index: number): CqRow {
    return this.#row(layout.cq, layout.VBF_CQ_ADDR + (index % layout.VBF_CQS) * layout.cq.size);
  }

  mr(index: number): MrRow {
    return this.#row(layout.mr, layout.VBF_MR_ADDR + (index % layout.VBF_MRS) * layout.mr.size);
  }

  pd(index: number): PdRow {
    return this.#row(layout.pd, layout.VBF_PD_ADDR + (index % layout.VBF_PDS) * layout.pd.size);
  }

  srq(index: number): SrqRow {
    return this.#row(layout.srq, layout.VBF_SRQ_ADDR + (index % layout.VBF_SRQS) * layout.srq.size);
  }

  /** Ports count from 0 here, from 1 in `domain.port`. */
  port(index: number): PortRow {
    return this.#row(layout.port, layout.VBF_PORT_ADDR + (index % layout.VBF_PORTS) * layout.port.size);
  }

  group(number: number): GroupRow {
    return this.#row(layout.group, layout.VBF_GROUP_ADDR + (number % layout.VBF_GROUPS) * layout.group.size);
  }

  domain(slot: number): DomainRow {
    return this.#row(layout.domain, layout.VBF_DOMAIN_ADDR + (slot % layout.VBF_DOMAINS) * layout.domain.size);
  }

  /** Links count from 0 here, from 1 in `qp.link` and in the route table. */
  link(number: number): LinkRow {
    return this.#row(layout.link, layout.VBF_LINK_ADDR + (number % layout.VBF_LINKS) * layout.VBF_LINK_STRIDE);
  }

  /** The link that leads to a LID, counted from 1; 0 when none does. */
  route(lid: number): number {
    return this.#view.getUint8(layout.VBF_ROUTE_ADDR + (lid & 0xffff));
  }

  setRoute(lid: number, link: number): void {
    this.#view.setUint8(layout.VBF_ROUTE_ADDR + (lid & 0xffff), link);
  }

  thread(number: number): ThreadRow {
    return this.#row(layout.thread, layout.VBF_THREAD_ADDR + (number % layout.VBF_THREADS) * layout.VBF_THREAD_STRIDE);
  }
}
