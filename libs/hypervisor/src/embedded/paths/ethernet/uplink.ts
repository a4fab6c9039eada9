/**
 * The driver domain's way to the bridges of other hosts: frames in unreliable datagrams, as IP over InfiniBand has them (RFC 4391). It has a queue pair at the host's port
 * that serves QP 1 there, so that who knows a host's LID reaches its bridge. Datagrams may be lost; the streams above send again.
 *
 *   0  partition (4)    4  frame
 */
import {
  createCqIn,
  createQpIn,
  createQpOut,
  cmdHandle,
  cqe,
  modifyQpIn,
  recvWqe,
  regMrIn,
  regMrOut,
  sendWqe,
  sge,
  VB_ACCESS_LOCAL_WRITE,
  VB_ATTR_QKEY,
  VB_ATTR_STATE,
  VB_CMD_ALLOC_PD,
  VB_CMD_CREATE_CQ,
  VB_CMD_CREATE_QP,
  VB_CMD_MODIFY_QP,
  VB_CMD_REG_MR,
  VB_GRH_BYTES,
  VB_QPS_INIT,
  VB_QPS_RTR,
  VB_QPS_RTS,
  VB_QPT_UD,
  VB_SEND_SIGNALED,
  VB_UAR_CQ_ARM,
  VB_UAR_CQ_CI,
  VB_UAR_POLL,
  VB_UAR_RQ,
  VB_UAR_SQ,
  VB_WC_SUCCESS,
  VB_WR_SEND,
} from '@verbena/guest-abi';
import { openAdapter, type AdapterWorkerInit } from '@verbena/hca';
import type { ShadowRings } from '../shadow-rings.ts';
import type { Bridge, Trunk } from './bridge.ts';
import { copyFrame, destinationOf, sourceOf, type Frame } from './frame.ts';

type Ring = (register: number, low: number, high: number) => void;

const generalServices = 1;
/** The standard's for QP 1 (InfiniBand vol. 1, section 10.2.5). */
const generalQkey = 0x8001_0000;
const entries = 512;
const slotBytes = 2048;
const sendStride = 64;
const receiveStride = 32;
const tagBytes = 4;
const generation = cqe.offsets.generation;

export class Uplink implements Trunk {
  readonly qpn: number;
  readonly #ring: Ring;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #at: {
    readonly sendCq: number;
    readonly receiveCq: number;
    readonly sends: number;
    readonly receives: number;
    readonly slots: number;
  };
  readonly #sendCq: number;
  readonly #receiveCq: number;
  readonly #lkey: number;
  #sent = 0;
  #done = 0;
  #posted = 0;
  #seen = 0;

  /** @throws Error when the adapter refuses what it needs */
  constructor(init: AdapterWorkerInit, rings: ShadowRings) {
    const adapter = openAdapter(init);
    this.#ring = adapter.uarWrite as Ring;
    const take = (bytes: number): number => {
      const at = rings.take(bytes);
      if (at === undefined) throw new Error('the driver domain has no memory left for its uplink');
      return at;
    };
    this.#at = {
      ...{ sendCq: take(entries * cqe.size), receiveCq: take(entries * cqe.size) },
      ...{ sends: take(entries * sendStride), receives: take(entries * receiveStride), slots: take(2 * entries * slotBytes) },
    };
    this.#words = rings.words;
    this.#view = new DataView(rings.words.buffer);
    this.#bytes = new Uint8Array(rings.words.buffer);
    const must = (opcode: number, input: Uint8Array = new Uint8Array()): Uint8Array => {
      const { status, output } = adapter.command(opcode, input);
      if (status !== 0) throw new Error(`the adapter refuses the uplink command ${String(opcode)} with ${String(status)}`);
      return output;
    };
    const pd = cmdHandle.decode(must(VB_CMD_ALLOC_PD)).handle;
    const region = { pd, access: VB_ACCESS_LOCAL_WRITE, addr: BigInt(this.#at.slots), length: BigInt(2 * entries * slotBytes) };
    this.#lkey = regMrOut.decode(must(VB_CMD_REG_MR, regMrIn.encode(region))).lkey;
    const queue = (at: number): number =>
      cmdHandle.decode(must(VB_CMD_CREATE_CQ, createCqIn.encode({ ring_addr: BigInt(at), entries }))).handle;
    this.#sendCq = queue(this.#at.sendCq);
    this.#receiveCq = queue(this.#at.receiveCq);
    const wish = {
      ...{ pd, send_cq: this.#sendCq, recv_cq: this.#receiveCq, type: VB_QPT_UD },
      ...{ sq_addr: BigInt(this.#at.sends), sq_entries: entries, sq_stride: sendStride },
      ...{ rq_addr: BigInt(this.#at.receives), rq_entries: entries, rq_stride: receiveStride },
    };
    this.qpn = createQpOut.decode(must(VB_CMD_CREATE_QP, createQpIn.encode(wish))).qpn;
    const states = [
      { state: VB_QPS_INIT, attr_mask: VB_ATTR_STATE | VB_ATTR_QKEY, qkey: generalQkey },
      { state: VB_QPS_RTR, attr_mask: VB_ATTR_STATE },
      { state: VB_QPS_RTS, attr_mask: VB_ATTR_STATE },
    ];
    for (const state of states) must(VB_CMD_MODIFY_QP, modifyQpIn.encode({ qpn: this.qpn, ...state }));
    for (let i = 0; i < entries; i++) this.#post(i);
    this.#ring(VB_UAR_RQ, this.qpn, this.#posted);
  }

  #post(slot: number): void {
    const at = this.#at.receives + (this.#posted & (entries - 1)) * receiveStride;
    recvWqe.write(this.#view, at, { wr_id: BigInt(slot), num_sge: 1, reserved: 0 });
    sge.write(this.#view, at + recvWqe.size, { addr: BigInt(this.#at.slots + slot * slotBytes), length: slotBytes, lkey: this.#lkey });
    this.#posted = (this.#posted + 1) | 0;
  }

  send(host: number, pkey: number, frame: Frame): void {
    if (((this.#sent - this.#done) | 0) >= entries && !this.#reap()) return;
    const slot = this.#at.slots + (entries + (this.#sent & (entries - 1))) * slotBytes;
    this.#view.setUint32(slot, pkey, true);
    copyFrame(frame, this.#view, this.#bytes, slot + tagBytes);
    const at = this.#at.sends + (this.#sent & (entries - 1)) * sendStride;
    const remote_addr = BigInt(generalServices) | (BigInt(host) << 32n);
    const request = { wr_id: 0n, opcode: VB_WR_SEND, flags: VB_SEND_SIGNALED, num_sge: 1, imm: 0, inline_len: 0 };
    sendWqe.write(this.#view, at, { ...request, remote_addr, rkey: generalQkey });
    sge.write(this.#view, at + sendWqe.size, { addr: BigInt(slot), length: frame.length + tagBytes, lkey: this.#lkey });
    this.#sent = (this.#sent + 1) | 0;
    this.#ring(VB_UAR_SQ, this.qpn, this.#sent);
  }

  /** Whether the completion with this number, counted from 0, is there. */
  #there(ring: number, number: number): boolean {
    const at = ring + (number & (entries - 1)) * cqe.size;
    return Atomics.load(this.#words, (at + generation) >>> 2) === ((number + 1) | 0);
  }

  #reap(): boolean {
    const before = this.#done;
    while (this.#there(this.#at.sendCq, this.#done)) this.#done = (this.#done + 1) | 0;
    if (this.#done === before) return false;
    this.#ring(VB_UAR_CQ_CI, this.#sendCq, this.#done);
    return true;
  }

  /** Gives frames that have come to the bridge, at most one ring of them. False when there was none. */
  turn(bridge: Bridge): boolean {
    this.#ring(VB_UAR_POLL, 0, 0);
    this.#reap();
    let left = entries / 4;
    for (; left > 0 && this.#there(this.#at.receiveCq, this.#seen); left--) {
      const { wr_id, byte_len, slid, status } = cqe.read(this.#view, this.#at.receiveCq + (this.#seen & (entries - 1)) * cqe.size);
      const slot = Number(wr_id);
      const data = this.#at.slots + slot * slotBytes + VB_GRH_BYTES;
      const at = data + tagBytes;
      const frame = { bytes: this.#bytes, at, length: byte_len - VB_GRH_BYTES - tagBytes };
      const addresses = { to: destinationOf(this.#view, at), from: sourceOf(this.#view, at) };
      if (status === VB_WC_SUCCESS) bridge.arrived(slid, this.#view.getUint32(data, true), { ...frame, ...addresses });
      this.#seen = (this.#seen + 1) | 0;
      this.#post(slot);
    }
    if (left === entries / 4) return false;
    this.#ring(VB_UAR_CQ_CI, this.#receiveCq, this.#seen);
    this.#ring(VB_UAR_RQ, this.qpn, this.#posted);
    bridge.flush();
    return true;
  }

  /** Before the driver domain sleeps: a frame that comes shall wake it. */
  arm(): void {
    this.#ring(VB_UAR_CQ_ARM, this.#receiveCq, this.#seen);
  }
}
