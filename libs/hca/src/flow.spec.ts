import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { HandHost, TRANSPORTS, type HandQp } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

const INLINE = { flags: abi.VB_QP_SCATTER_TO_CQE };
const first = (qp: HandQp): (number | undefined)[] => qp.recvCq.drain().map((each) => each.inline_data[0]);

describe.each(TRANSPORTS)('a receiver that is not ready (%s)', (transport) => {
  it('gets the messages, in order, when it posts receive requests', () => {
    const [, qa, , qb] = new HandHost(firmware, transport).pair(INLINE);
    for (let i = 0; i < 5; i++) qa.send({ inline: Uint8Array.of(i) });
    expect(qa.sendCq.drain()).toEqual([]);
    qb.receive();
    qb.receive();
    expect(first(qb)).toEqual([0, 1]);
    for (let i = 0; i < 4; i++) qb.receive();
    expect(first(qb)).toEqual([2, 3, 4]);
    qa.send({ inline: Uint8Array.of(5) });
    expect(first(qb)).toEqual([5]);
    expect(qa.sendCq.drain().map((each) => each.status)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it("has long messages copied by its own thread, from the sender's memory", () => {
    const [a, qa, b, qb] = new HandHost(firmware, transport).pair();
    const [from, to] = [a.buffer(700_000), b.buffer(700_000)];
    for (let i = 0; i < 700_000; i++) a.bytes[from.addr + i] = (i * 31) >> 3;
    qa.send({ list: [{ ...from, length: 700_000 }] });
    qb.receive([{ ...to, length: 700_000 }]);
    expect(qb.recvCq.drain()).toMatchObject([{ byte_len: 700_000 }]);
    expect(Buffer.compare(b.bytes.subarray(to.addr, to.addr + 700_000), a.bytes.subarray(from.addr, from.addr + 700_000))).toBe(0);
  });

  it('fails the sender at once when it asked for no retry, and after its retries when it asked for some', () => {
    const host = new HandHost(firmware, transport);
    const [, qa, , qb] = host.pair({ rnrRetry: 0 });
    qa.send({ wrId: 1n, inline: new Uint8Array(1) });
    expect(qa.sendCq.drain()).toMatchObject([{ wr_id: 1n, status: abi.VB_WC_RNR_RETRY_EXC_ERR }]);
    expect([qa.state, qb.state]).toEqual([abi.VB_QPS_ERR, abi.VB_QPS_RTS]);
    const [, qc] = host.pair({ rnrRetry: 3 });
    host.tick(1000);
    qc.send({ flags: 0, inline: new Uint8Array(1) });
    qc.send({ flags: 0, inline: new Uint8Array(1) });
    host.tick(1060);
    expect(qc.sendCq.drain()).toEqual([]);
    host.tick(1061);
    expect(qc.sendCq.drain().map((each) => each.status)).toEqual([abi.VB_WC_RNR_RETRY_EXC_ERR, abi.VB_WC_WR_FLUSH_ERR]);
  });

  it('may take its time when the sender retries without limit', () => {
    const host = new HandHost(firmware, transport);
    const [, qa, , qb] = host.pair({ ...INLINE, rnrRetry: 7 });
    qa.send({ inline: Uint8Array.of(9) });
    for (let now = 0; now < 1_000_000; now += 1000) host.tick(now);
    qb.receive();
    expect(first(qb)).toEqual([9]);
  });
});

describe.each(TRANSPORTS)('a receiver that is not connected yet (%s)', (transport) => {
  it('gets what was sent before it was', () => {
    const host = new HandHost(firmware, transport);
    const [qa, qb] = [host.guest().queuePair(INLINE), host.guest().queuePair(INLINE)];
    qa.connect(qb);
    qa.send({ inline: Uint8Array.of(3) });
    qb.modify(abi.VB_QPS_INIT, { access: 3 });
    qb.receive();
    expect(qa.sendCq.drain()).toEqual([]);
    qb.modify(abi.VB_QPS_RTR, { dest_lid: qa.guest.lid, dest_qpn: qa.qpn });
    expect(first(qb)).toEqual([3]);
    expect(qa.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_SUCCESS }]);
  });

  it('is given up in the end', () => {
    const host = new HandHost(firmware, transport);
    const [qa, qb] = [host.guest().queuePair(), host.guest().queuePair()];
    qa.connect(qb);
    qa.send({ inline: Uint8Array.of(3) });
    host.tick(8000);
    expect(qa.sendCq.drain()).toEqual([]);
    host.tick(8001);
    expect(qa.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_RETRY_EXC_ERR }]);
  });

  it('is given up at once when it has been destroyed', () => {
    const host = new HandHost(firmware, transport);
    const [, qa, b, qb] = host.pair();
    qa.send({ inline: Uint8Array.of(3) });
    b.must(abi.VB_CMD_DESTROY_QP, abi.cmdHandle.encode({ handle: qb.qpn }));
    host.tick(1);
    expect(qa.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_RETRY_EXC_ERR }]);
  });
});

describe.each(TRANSPORTS)('the error state (%s)', (transport) => {
  it('completes everything that was posted, and everything posted later, with a flush error', () => {
    const [, qa] = new HandHost(firmware, transport).pair();
    for (let i = 0; i < 3; i++) qa.receive([], BigInt(10 + i));
    for (let i = 0; i < 2; i++) qa.send({ wrId: BigInt(i), flags: 0, inline: new Uint8Array(1) });
    qa.modify(abi.VB_QPS_ERR);
    qa.receive([], 13n);
    qa.send({ wrId: 2n, flags: 0 });
    const ids = (list: { wr_id: bigint; status: number }[]): bigint[] =>
      list.map((each) => (expect(each.status).toBe(abi.VB_WC_WR_FLUSH_ERR), each.wr_id));
    expect(ids(qa.recvCq.drain())).toEqual([10n, 11n, 12n, 13n]);
    expect(ids(qa.sendCq.drain())).toEqual([0n, 1n, 2n]);
  });

  it('is where a doorbell beyond the ring leads, on either side', () => {
    const [a, qa, b, qb] = new HandHost(firmware, transport).pair();
    a.uar(abi.VB_UAR_SQ, qa.qpn, 65);
    expect(qa.state).toBe(abi.VB_QPS_ERR);
    const [qc, qd] = [a.queuePair(), b.queuePair()];
    qc.connect(qd);
    qd.connect(qc);
    b.uar(abi.VB_UAR_RQ, qd.qpn, 0x8000_0000);
    qc.send({ inline: new Uint8Array(1) });
    expect(qd.state).toBe(abi.VB_QPS_ERR);
    expect(qb.state).toBe(abi.VB_QPS_RTS);
  });
});

describe.each(TRANSPORTS)('a completion queue (%s)', (transport) => {
  it('that overflows breaks, tells its owner, and fails the connection', () => {
    const host = new HandHost(firmware, transport);
    const [a, b] = [host.guest(), host.guest()];
    const [qa, qb] = [a.queuePair(INLINE), b.queuePair({ ...INLINE, cqEntries: 4 })];
    qa.connect(qb);
    qb.connect(qa);
    for (let i = 0; i < 8; i++) qb.receive();
    for (let i = 0; i < 6; i++) qa.send({ flags: 0, inline: Uint8Array.of(i) });
    expect(first(qb)).toEqual([0, 1, 2, 3]);
    expect(b.pendingEvents & (1 << abi.VB_CHANNEL_ASYNC)).not.toBe(0);
    expect(qa.sendCq.drain()[0]).toMatchObject({ status: abi.VB_WC_REM_OP_ERR });
    expect([qa.state, qb.state]).toEqual([abi.VB_QPS_ERR, abi.VB_QPS_ERR]);
  });

  it('raises one event when it is armed, however many completions follow', () => {
    const [, qa, b, qb] = new HandHost(firmware, transport).pair(INLINE);
    for (let i = 0; i < 8; i++) qb.receive();
    qa.send({ flags: 0, inline: Uint8Array.of(0) });
    expect(b.wakeups).toBe(0);
    expect(first(qb)).toEqual([0]);
    qb.recvCq.arm();
    expect(b.wakeups).toBe(0);
    for (let i = 1; i < 4; i++) qa.send({ flags: 0, inline: Uint8Array.of(i) });
    expect([b.wakeups, b.pendingEvents]).toEqual([1, 1 << abi.VB_CHANNEL_CQ]);
    qb.recvCq.arm();
    expect(b.wakeups).toBe(2);
    expect(first(qb)).toEqual([1, 2, 3]);
  });

  it('does not break when its consumer has overtaken the head that a producer read before it was preempted', () => {
    const host = new HandHost(firmware);
    const [, qa, , qb] = host.pair({ ...INLINE, cqEntries: 4 });
    for (let i = 0; i < 4; i++) qb.receive();
    for (let i = 0; i < 2; i++) qa.send({ flags: 0, inline: Uint8Array.of(i) });
    expect(first(qb)).toEqual([0, 1]);
    // What such a producer sees: its head of then, the consumer of now.
    host.adapter.memory.cq(qb.recvCq.cqn).set({ head: 1 });
    qa.send({ flags: 0, inline: Uint8Array.of(2) });
    expect([qa.state, qb.state]).toEqual([abi.VB_QPS_RTS, abi.VB_QPS_RTS]);
  });

  it('takes no notice of a consumer index that cannot be', () => {
    const [, qa, b, qb] = new HandHost(firmware, transport).pair({ ...INLINE, cqEntries: 4 });
    for (let i = 0; i < 8; i++) qb.receive();
    b.uar(abi.VB_UAR_CQ_CI, qb.recvCq.cqn, 3);
    b.uar(abi.VB_UAR_CQ_CI, qb.recvCq.cqn, 0xffff_fff0);
    for (let i = 0; i < 4; i++) qa.send({ flags: 0, inline: Uint8Array.of(i) });
    expect(first(qb)).toEqual([0, 1, 2, 3]);
  });
});
