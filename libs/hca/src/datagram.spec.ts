import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { HandHost, HandSrq, TRANSPORTS, type HandGuest, type HandQp } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

const QKEY = 0x1234;
let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

const to = (qp: HandQp, sl = 0): bigint => BigInt(qp.qpn) | (BigInt(qp.guest.lid) << 32n) | (BigInt(sl) << 48n);

describe.each(TRANSPORTS)('unreliable datagrams (%s)', (transport) => {
  let host: HandHost, a: HandGuest, qa: HandQp, b: HandGuest, qb: HandQp;
  const datagram = { type: abi.VB_QPT_UD, qkey: QKEY };
  beforeEach(() => {
    host = new HandHost(firmware, transport);
    [a, b] = [host.guest(), host.guest()];
    [qa, qb] = [a.queuePair(datagram), b.queuePair(datagram)];
    qa.open();
    qb.open();
  });

  it('arrive behind 40 bytes of room for a header, with the sender’s number, LID and service level', () => {
    const into = b.buffer(200);
    b.bytes.fill(0xee, into.addr, into.addr + 40);
    qb.receive([
      { addr: into.addr, length: 20, lkey: into.lkey },
      { addr: into.addr + 20, length: 30, lkey: into.lkey },
      { addr: into.addr + 50, length: 100, lkey: into.lkey },
    ]);
    const text = Uint8Array.from({ length: 70 }, (_, i) => i + 1);
    qa.send({ opcode: abi.VB_WR_SEND_IMM, imm: 5, inline: text, remote: to(qb, 3), rkey: QKEY });
    expect(qa.sendCq.drain()).toMatchObject([{ status: 0 }]);
    const [got] = qb.recvCq.drain();
    expect(got).toMatchObject({ status: 0, byte_len: 110, imm: 5, flags: abi.VB_CQE_F_IMM, slid: a.lid });
    const words = new DataView(got?.inline_data.slice().buffer ?? new ArrayBuffer(8));
    expect([words.getUint32(0, true), words.getUint32(4, true)]).toEqual([qa.qpn, 3]);
    expect(b.bytes.subarray(into.addr, into.addr + 40).every((byte) => byte === 0xee)).toBe(true);
    expect([...b.bytes.subarray(into.addr + 40, into.addr + 110)]).toEqual([...text]);
  });

  it('are lost without a word when nobody waits, the buffer is short, or the key is wrong', () => {
    const into = b.buffer(64);
    qa.send({ inline: Uint8Array.of(1), remote: to(qb), rkey: QKEY });
    qb.receive([{ ...into, length: 41 }]);
    qa.send({ inline: Uint8Array.of(1, 2), remote: to(qb), rkey: QKEY });
    qa.send({ inline: Uint8Array.of(1), remote: to(qb), rkey: QKEY + 1 });
    qa.send({ inline: Uint8Array.of(1), remote: to(qb) + 1n, rkey: QKEY });
    expect(qa.sendCq.drain().map((each) => each.status)).toEqual([0, 0, 0, 0]);
    expect(qb.recvCq.drain()).toEqual([]);
    const port = abi.portInfo.decode(b.must(abi.VB_CMD_QUERY_PORT));
    expect(port).toMatchObject({ qkey_violations: 1, pkey_violations: 0, state: abi.VB_PORT_ACTIVE });
    qa.send({ inline: Uint8Array.of(7), remote: to(qb), rkey: QKEY });
    expect(qb.recvCq.drain()).toMatchObject([{ byte_len: 41 }]);
    expect([qa.state, qb.state]).toEqual([abi.VB_QPS_RTS, abi.VB_QPS_RTS]);
  });

  it('stay in their partition', () => {
    const c = host.guest(2);
    const qc = c.queuePair(datagram);
    qc.open();
    qb.receive([{ ...b.buffer(64), length: 64 }]);
    qc.send({ inline: Uint8Array.of(1), remote: to(qb), rkey: QKEY });
    expect(qc.sendCq.drain()).toMatchObject([{ status: 0 }]);
    expect(qb.recvCq.drain()).toEqual([]);
  });

  it('come from many, to a shared receive queue, too', () => {
    const srq = new HandSrq(b, 16);
    const shared = b.queuePair({ ...datagram, srq });
    shared.open();
    const senders = [a, host.guest(), host.guest()].map((guest) => guest.queuePair(datagram));
    for (const each of senders) each.open();
    for (let i = 0; i < 6; i++) srq.receive([{ ...b.buffer(64), length: 64 }], BigInt(i));
    for (let i = 0; i < 6; i++) senders[i % 3]?.send({ inline: Uint8Array.of(i), remote: to(shared), rkey: QKEY });
    const got = shared.recvCq.drain();
    expect(got.map((each) => each.wr_id)).toEqual([0n, 1n, 2n, 3n, 4n, 5n]);
    expect(new Set(got.map((each) => each.slid)).size).toBe(3);
  });

  it.each([
    ['an RDMA WRITE', { opcode: abi.VB_WR_RDMA_WRITE, inline: Uint8Array.of(1) }, abi.VB_WC_LOC_QP_OP_ERR],
    ['an atomic', { opcode: abi.VB_WR_ATOMIC_FADD, atomic: { compare_add: 1n } }, abi.VB_WC_LOC_QP_OP_ERR],
    ['more than a packet', {}, abi.VB_WC_LOC_LEN_ERR],
  ])('cannot carry %s: the send queue stops (SQE), the receive queue does not', (_, wish, status) => {
    const from = a.buffer(8192);
    qa.send({ list: [{ ...from, length: 'atomic' in wish ? 8 : 4097 }], ...wish, remote: to(qb), rkey: QKEY, wrId: 1n });
    expect(qa.sendCq.drain()).toMatchObject([{ wr_id: 1n, status }]);
    qa.send({ wrId: 2n });
    expect(qa.sendCq.drain()).toMatchObject([{ wr_id: 2n, status: abi.VB_WC_WR_FLUSH_ERR }]);
    expect(qa.state).toBe(abi.VB_QPS_SQE);
    qa.receive([{ ...a.buffer(64), length: 64 }]);
    qb.send({ inline: Uint8Array.of(1), remote: to(qa), rkey: QKEY });
    expect(qa.recvCq.drain()).toMatchObject([{ status: 0 }]);
    expect(qa.modify(abi.VB_QPS_RTS)).toBe(0);
    qb.receive([{ ...b.buffer(64), length: 64 }]);
    qa.send({ inline: Uint8Array.of(1), remote: to(qb), rkey: QKEY });
    expect(qb.recvCq.drain()).toMatchObject([{ status: 0 }]);
  });
});

describe.each(TRANSPORTS)('unreliable connections (%s)', (transport) => {
  it('deliver in order what the receiver can take, drop the rest, and never wait', () => {
    const host = new HandHost(firmware, transport);
    const [a, b] = [host.guest(), host.guest()];
    const options = { type: abi.VB_QPT_UC };
    const [qa, qb] = [a.queuePair(options), b.queuePair(options)];
    qa.connect(qb);
    qb.connect(qa);
    const into = b.buffer(64);
    qa.send({ inline: Uint8Array.of(1) });
    qb.receive([{ ...into, length: 2 }], 10n);
    qb.receive([{ ...into, length: 64 }], 11n);
    qa.send({ inline: Uint8Array.of(2, 2, 2) });
    qa.send({ inline: Uint8Array.of(3, 4) });
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE, inline: Uint8Array.of(9), remote: into.addr, rkey: into.rkey + 1 });
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE_IMM, imm: 6, inline: Uint8Array.of(9), remote: into.addr + 8, rkey: into.rkey });
    expect(qa.sendCq.drain().map((each) => each.status)).toEqual([0, 0, 0, 0, 0]);
    expect(qb.recvCq.drain()).toMatchObject([
      { wr_id: 10n, byte_len: 2 },
      { wr_id: 11n, imm: 6, opcode: abi.VB_WC_RECV_RDMA_IMM },
    ]);
    expect([b.bytes[into.addr], b.bytes[into.addr + 8]]).toEqual([3, 9]);
    expect([qa.state, qb.state]).toEqual([abi.VB_QPS_RTS, abi.VB_QPS_RTS]);
    qa.send({ opcode: abi.VB_WR_RDMA_READ, list: [{ ...a.buffer(8), length: 8 }], remote: into.addr, rkey: into.rkey });
    expect(qa.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_LOC_QP_OP_ERR }]);
  });
});

describe.each(TRANSPORTS)('a shared receive queue (%s)', (transport) => {
  it('serves many connections in the order of their messages, and the sender of one that is empty waits', () => {
    const host = new HandHost(firmware, transport);
    const [a, b, c] = [host.guest(), host.guest(), host.guest()];
    const srq = new HandSrq(b, 4, 64, 2);
    const events = b.events();
    const pairs = [a, c].map((guest) => [guest.queuePair(), b.queuePair({ srq })] as const);
    for (const [x, y] of pairs) {
      x.connect(y);
      y.connect(x);
    }
    const into = b.buffer(256);
    const pieces = [0, 100, 200].map((at) => ({ addr: into.addr + at, length: 2, lkey: into.lkey }));
    for (let i = 0; i < 3; i++) srq.receive(pieces, BigInt(i));
    pairs[0]?.[0].send({ inline: Uint8Array.of(1, 2, 3, 4, 5) });
    expect([b.bytes[into.addr + 1], b.bytes[into.addr + 100], b.bytes[into.addr + 200]]).toEqual([2, 3, 5]);
    expect(events.drain()).toEqual([]);
    pairs[1]?.[0].send({});
    expect(events.drain()).toMatchObject([{ imm: abi.VB_EVENT_SRQ_LIMIT_REACHED, qpn: srq.srqn }]);
    pairs[1]?.[0].send({});
    pairs[0]?.[0].send({});
    expect(pairs.map(([, y]) => y.recvCq.drain().map((each) => each.wr_id))).toEqual([[0n], [1n, 2n]]);
    expect(pairs[0]?.[0].sendCq.drain()).toHaveLength(1);
    srq.receive([], 7n);
    expect(pairs[0]?.[1].recvCq.drain()).toMatchObject([{ wr_id: 7n }]);
    expect(pairs[0]?.[0].sendCq.drain()).toMatchObject([{ status: 0 }]);
  });

  it('is destroyed when no queue pair uses it, takes no doorbell of a stranger, and none beyond its ring', () => {
    const host = new HandHost(firmware, transport);
    const [a, b] = [host.guest(), host.guest()];
    const srq = new HandSrq(b, 4);
    const qp = b.queuePair({ srq });
    const handle = abi.cmdHandle.encode({ handle: srq.srqn });
    expect(b.command(abi.VB_CMD_DESTROY_SRQ, handle).status).toBe(abi.VB_EBUSY);
    expect(a.command(abi.VB_CMD_QUERY_SRQ, handle).status).toBe(abi.VB_EINVAL);
    a.uar(abi.VB_UAR_SRQ, srq.srqn, 2);
    b.uar(abi.VB_UAR_SRQ, srq.srqn, 5);
    b.uar(abi.VB_UAR_RQ, qp.qpn, 1);
    const other = a.queuePair();
    other.connect(qp);
    qp.connect(other);
    other.send({});
    expect(qp.recvCq.drain()).toEqual([]);
    expect(qp.state).toBe(abi.VB_QPS_RTS);
    b.must(abi.VB_CMD_DESTROY_QP, abi.cmdHandle.encode({ handle: qp.qpn }));
    b.must(abi.VB_CMD_DESTROY_SRQ, handle);
  });
});
