/** Two guests that fuzz each other: the host's part, which makes new queues and regions for each epoch and looks at what was touched. */
import * as abi from '@verbena/guest-abi';
import type { HandGuest } from './hand-guest.ts';

export const PLAYGROUND = 0x0100_0000;
export const PLAYGROUND_BYTES = 0x4_0000;
/** Where rings lie: the adapter writes completions there. */
const RINGS = PLAYGROUND + PLAYGROUND_BYTES;
const RING_BYTES = 0x10_0000;
/** Behind it nobody may write. */
export const END = 0x0120_0000;
export const PAGES = END / 65_536;

const REGIONS = 32;
const QUEUES = 8;
const ENTRIES = 16;
const CQ_ENTRIES = 1024;
const ALL = abi.VB_ACCESS_LOCAL_WRITE | abi.VB_ACCESS_REMOTE_WRITE | abi.VB_ACCESS_REMOTE_READ | abi.VB_ACCESS_REMOTE_ATOMIC;
/** Words of the structures in fuzz-guest.c. */
const HEADER = 8;
const REGION = 6;
const QUEUE = 16;

export type Dice = (below: number) => number;

/** The same numbers for the same seed (xorshift32). */
export function diceOf(seed: number): Dice {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * below);
  };
}

interface Region {
  readonly key: number;
  readonly addr: number;
  readonly length: number;
  readonly access: number;
  readonly pd: number;
  readonly window: boolean;
}

interface Queue {
  readonly qpn: number;
  readonly type: number;
  readonly pd: number;
  readonly access: number;
  readonly sq: number;
  readonly sqStride: number;
  readonly rq: number;
  readonly rqStride: number;
}

const types = [2, 2, 2, 2, 2, 3, 4, 4];

export class FuzzGuest {
  readonly guest: HandGuest;
  readonly run: (seed: number, count: number) => number;
  readonly #words: Uint32Array;
  #pds: number[] = [];
  regions: Region[] = [];
  queues: Queue[] = [];
  #cqs: number[] = [];
  #rings: number[] = [];
  #srq = 0;

  constructor(guest: HandGuest, module: WebAssembly.Module) {
    this.guest = guest;
    const imports = { env: { memory: guest.memory }, hca: { uar_write: guest.adapter.uarWrite } };
    const exports = new WebAssembly.Instance(module, imports).exports as { world: () => number; run: FuzzGuest['run'] };
    this.run = exports.run;
    this.#words = new Uint32Array(guest.memory.buffer, exports.world(), HEADER + 2 * REGIONS * REGION + QUEUES * QUEUE + 16 + 4);
  }

  #handle(opcode: number, input?: Uint8Array): number {
    return abi.cmdHandle.decode(this.guest.must(opcode, input)).handle;
  }

  #destroy(opcode: number, handle: number): void {
    // A window's key is the last that was bound, which the guest knows.
    this.guest.command(opcode, abi.cmdHandle.encode({ handle }));
  }

  /** All that there was goes, and something else comes. */
  renew(dice: Dice): void {
    for (const each of this.queues) this.#destroy(abi.VB_CMD_DESTROY_QP, each.qpn);
    for (const each of this.regions.filter(({ window }) => window)) for (let i = 0; i < 256; i++) this.#destroyWindow(each.key, i);
    for (const each of this.regions.filter(({ window }) => !window)) this.#destroy(abi.VB_CMD_DEREG_MR, each.key);
    for (const each of this.#cqs) this.#destroy(abi.VB_CMD_DESTROY_CQ, each);
    if (this.#srq !== 0) this.#destroy(abi.VB_CMD_DESTROY_SRQ, this.#srq);
    this.#pds = this.#pds.length > 0 ? this.#pds : [this.#handle(abi.VB_CMD_ALLOC_PD), this.#handle(abi.VB_CMD_ALLOC_PD)];
    this.regions = Array.from({ length: 12 }, () => this.#region(dice));
    this.#makeQueues(dice);
  }

  #destroyWindow(key: number, low: number): void {
    if (low === 0 || this.guest.process.adapter.memory.mr(key >>> 8).load('key') !== 0)
      this.#destroy(abi.VB_CMD_DEALLOC_MW, this.guest.process.adapter.memory.mr(key >>> 8).load('key'));
  }

  #pd(dice: Dice): number {
    return this.#pds[dice(5) === 0 ? 1 : 0] ?? 0;
  }

  #region(dice: Dice): Region {
    const pd = this.#pd(dice);
    if (dice(8) === 0) return { key: this.guest.window(pd), addr: PLAYGROUND, length: 1, access: 0, pd, window: true };
    const addr = PLAYGROUND + dice(PLAYGROUND_BYTES - 0x3000);
    const length = 1 + dice(dice(2) === 0 ? 64 : 0x3000);
    const wish = dice(4) === 0 ? 0 : dice(16) | abi.VB_ACCESS_LOCAL_WRITE;
    const access = wish | (dice(3) === 0 ? abi.VB_ACCESS_MW_BIND : 0);
    const input = abi.regMrIn.encode({ pd, access, addr: BigInt(addr), length: BigInt(length) });
    const { lkey } = abi.regMrOut.decode(this.guest.must(abi.VB_CMD_REG_MR, input));
    return { key: lkey, addr, length, access, pd, window: false };
  }

  #makeQueues(dice: Dice): void {
    let at = RINGS;
    const ring = (bytes: number): number => {
      const here = at;
      at += Math.ceil(bytes / 64) * 64;
      if (at > RINGS + RING_BYTES / 2) throw new Error('the rings do not fit');
      return here;
    };
    this.guest.bytes.fill(0, RINGS, RINGS + RING_BYTES);
    const rings = Array.from({ length: 4 }, () => ring(CQ_ENTRIES * 64));
    this.#rings = rings;
    this.#cqs = rings.map((each) =>
      this.#handle(abi.VB_CMD_CREATE_CQ, abi.createCqIn.encode({ ring_addr: BigInt(each), entries: CQ_ENTRIES })),
    );
    const srqRing = ring(16 * 64);
    const pd = this.#pds[0] ?? 0;
    this.#srq = this.#handle(
      abi.VB_CMD_CREATE_SRQ,
      abi.createSrqIn.encode({ ring_addr: BigInt(srqRing), pd, entries: 16, stride: 64, limit: dice(4) }),
    );
    this.#destroy(abi.VB_CMD_SET_EVENTS, this.#cqs[3] ?? 0);
    this.queues = types.map((type, i) => {
      const shared = i === 1 || i === 7;
      const sqStride = [64, 128, 256][dice(3)] ?? 64;
      const rqStride = [32, 64, 128][dice(3)] ?? 32;
      const [sq, rq] = [ring(ENTRIES * sqStride), ring(ENTRIES * rqStride)];
      const own = shared ? pd : this.#pd(dice);
      const input = abi.createQpIn.encode({
        ...{
          pd: own,
          send_cq: this.#cqs[dice(3)] ?? 0,
          recv_cq: this.#cqs[dice(3)] ?? 0,
          flags: dice(2),
          type,
          srq: shared ? this.#srq : 0,
        },
        ...{ sq_addr: BigInt(sq), sq_entries: ENTRIES, sq_stride: sqStride, rq_addr: BigInt(rq), rq_entries: ENTRIES, rq_stride: rqStride },
      });
      const { qpn } = abi.createQpOut.decode(this.guest.must(abi.VB_CMD_CREATE_QP, input));
      return { qpn, type, pd: own, access: dice(4) === 0 ? dice(16) : ALL, sq, sqStride, rq: shared ? 0 : rq, rqStride };
    });
    this.#words.set([12, 12, PLAYGROUND, PLAYGROUND_BYTES, this.#srq, srqRing, 0, 0], 0);
    const cqs = this.#cqs.flatMap((cqn, i) => [cqn, rings[i] ?? 0, CQ_ENTRIES, 0]);
    this.#words.set(cqs, HEADER + 2 * REGIONS * REGION + QUEUES * QUEUE);
  }

  /** Moves a completion queue to another ring, now and then to nonsense. The rings of an epoch lie in two halves of the place for them. */
  resize(dice: Dice): void {
    const number = dice(4);
    const cqn = this.#cqs[number] ?? 0;
    const at = HEADER + 2 * REGIONS * REGION + QUEUES * QUEUE + 4 * number;
    const entries = [CQ_ENTRIES, CQ_ENTRIES, CQ_ENTRIES / 2, 3][dice(4)] ?? CQ_ENTRIES;
    const here = this.#words[at + 1] ?? 0;
    const spare = RINGS + RING_BYTES / 2 + number * CQ_ENTRIES * 64;
    const ring = dice(20) === 0 ? dice(2 ** 32) : here === spare ? (this.#rings[number] ?? 0) : spare;
    if (ring === spare || ring === this.#rings[number]) this.guest.bytes.fill(0, ring, ring + CQ_ENTRIES * 64);
    const wish = abi.resizeCqIn.encode({ cqn: dice(20) === 0 ? dice(2 ** 32) : cqn, entries, ring_addr: BigInt(ring) });
    const { status } = this.guest.command(abi.VB_CMD_RESIZE_CQ, wish);
    if (status === 0) this.#words.set([ring, entries], at + 1);
  }

  /** Connects every queue pair that is in an error state, or whose other end is, to that of the other with the same number. */
  connect(other: FuzzGuest, broken: readonly boolean[]): void {
    const regions = (list: readonly Region[]): number[] => list.flatMap((r) => [r.key, r.addr, r.length, r.access, r.pd, r.window ? 1 : 0]);
    this.#words.set(regions(this.regions), HEADER);
    this.#words.set(regions(other.regions), HEADER + REGIONS * REGION);
    this.queues.forEach((mine, i) => {
      if (broken[i] !== true) return;
      const theirs = other.queues[i];
      if (theirs === undefined) throw new Error('both have the same queues');
      const modify = (state: number, attr_mask: number): void => {
        const wish = {
          qpn: mine.qpn,
          state,
          attr_mask: attr_mask | abi.VB_ATTR_STATE,
          access: mine.access,
          qkey: 7,
          retry_count: 7,
          rnr_retry: 7,
        };
        this.guest.must(abi.VB_CMD_MODIFY_QP, abi.modifyQpIn.encode({ ...wish, dest_lid: other.guest.lid, dest_qpn: theirs.qpn }));
      };
      const datagram = mine.type === abi.VB_QPT_UD;
      modify(abi.VB_QPS_RESET, 0);
      modify(abi.VB_QPS_INIT, datagram ? abi.VB_ATTR_QKEY : abi.VB_ATTR_ACCESS);
      modify(abi.VB_QPS_RTR, datagram ? 0 : abi.VB_ATTR_DEST);
      modify(abi.VB_QPS_RTS, mine.type === abi.VB_QPT_RC ? abi.VB_ATTR_RETRY : 0);
      const rest = [theirs.access, mine.sq, mine.sqStride, mine.rq, mine.rqStride, ENTRIES, 0, 0, 0, 0];
      const row = [mine.qpn, mine.type, mine.pd, theirs.qpn, theirs.pd, other.guest.lid, ...rest];
      this.#words.set(row, HEADER + 2 * REGIONS * REGION + i * QUEUE);
    });
  }

  /** Which queue pairs neither send nor receive as they should. */
  get broken(): boolean[] {
    return this.queues.map(({ qpn }) => this.guest.process.adapter.memory.qp(qpn).load('state') !== abi.VB_QPS_RTS);
  }

  /** Completions with success, with an error, flushed; and requests that could not be right. */
  get totals(): { successes: number; failures: number; flushed: number; impossible: number } {
    const [successes = 0, failures = 0, flushed = 0, impossible = 0] = this.#words.subarray(-4);
    return { successes, failures, flushed, impossible };
  }

  /** What lies in no region that may be written to, as [from, to). Rings are not among it. */
  get forbidden(): [number, number][] {
    const open = this.regions
      .filter(({ access, window }) => !window && (access & abi.VB_ACCESS_LOCAL_WRITE) !== 0)
      .map(({ addr, length }) => [addr, addr + length] as const)
      .sort(([a], [b]) => a - b);
    const gaps: [number, number][] = [];
    let at = PLAYGROUND;
    for (const [from, to] of open) {
      if (from > at) gaps.push([at, from]);
      at = Math.max(at, to);
    }
    return [...gaps, [at, RINGS], [RINGS + RING_BYTES, END]];
  }
}
