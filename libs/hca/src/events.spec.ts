import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { HandHost, HandSrq, TRANSPORTS, pairOverWire, type HandCq } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

/** [type, number] of what happened. */
const taken = (events: HandCq): [number, number][] => events.drain().map((each) => [each.imm, each.qpn]);

describe.each(TRANSPORTS)('asynchronous events (%s)', (transport) => {
  it('tell the receiver whose rights a write did not respect, and raise their channel', () => {
    const [, qa, b, qb] = new HandHost(firmware, transport).pair();
    const events = b.events();
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE, inline: Uint8Array.of(1), remote: 64, rkey: 0x700 });
    expect(taken(events)).toEqual([[abi.VB_EVENT_QP_ACCESS_ERR, qb.qpn]]);
    expect(b.pendingEvents & (1 << abi.VB_CHANNEL_ASYNC)).not.toBe(0);
  });

  it('tell of a completion queue that overflowed, and of the queue pair that it took with it', () => {
    const [, qa, b, qb] = new HandHost(firmware, transport).pair({ cqEntries: 2 });
    const events = b.events();
    for (let i = 0; i < 4; i++) qb.receive();
    for (let i = 0; i < 3; i++) qa.send({ flags: 0 });
    const all = taken(events);
    expect(all).toContainEqual([abi.VB_EVENT_CQ_ERR, qb.recvCq.cqn]);
    expect(all).toContainEqual([abi.VB_EVENT_QP_FATAL, qb.qpn]);
  });

  it('tell that a queue pair that only receives has heard from its peer, once', () => {
    const host = new HandHost(firmware, transport);
    const [a, b] = [host.guest(), host.guest()];
    const [qa, qb] = [a.queuePair(), b.queuePair()];
    const events = b.events();
    qa.connect(qb);
    qb.modify(abi.VB_QPS_INIT, { access: 3 });
    qb.receive();
    qb.receive();
    qb.modify(abi.VB_QPS_RTR, { dest_lid: a.lid, dest_qpn: qa.qpn });
    qa.send({});
    qa.send({});
    expect(qb.recvCq.drain()).toHaveLength(2);
    expect(taken(events)).toEqual([[abi.VB_EVENT_COMM_EST, qb.qpn]]);
  });

  it('tell that a queue pair took its last request from a shared queue', () => {
    const host = new HandHost(firmware, transport);
    const [a, b] = [host.guest(), host.guest()];
    const srq = new HandSrq(b, 8);
    const [qa, qb] = [a.queuePair(), b.queuePair({ srq })];
    const events = b.events();
    qa.connect(qb);
    qb.connect(qa);
    srq.receive();
    expect(qb.modify(abi.VB_QPS_ERR)).toBe(0);
    expect(taken(events)).toEqual([[abi.VB_EVENT_QP_LAST_WQE_REACHED, qb.qpn]]);
    expect(qb.recvCq.drain()).toEqual([]);
  });

  it('are dropped and counted when their queue is full, and break nothing', () => {
    const host = new HandHost(firmware, transport);
    const [a, b] = [host.guest(), host.guest()];
    const events = b.events(1);
    for (let i = 0; i < 3; i++) {
      const [qa, qb] = [a.queuePair(), b.queuePair()];
      qa.connect(qb);
      qb.connect(qa);
      qa.send({ opcode: abi.VB_WR_RDMA_WRITE, inline: Uint8Array.of(1), remote: 64, rkey: 0x700 });
    }
    expect(taken(events)).toHaveLength(1);
    expect(b.process.adapter.memory.domain(b.peer.slot).get('lost_events')).toBe(2);
  });
});

describe('a drained send queue (SQD)', () => {
  it('keeps what is posted, receives, says when it is drained, and goes on', () => {
    const [a, qa, , qb] = new HandHost(firmware).pair();
    const events = a.events();
    expect(qa.modify(abi.VB_QPS_SQD, { attr_mask: abi.VB_ATTR_SQD_EVENT })).toBe(0);
    expect(taken(events)).toEqual([[abi.VB_EVENT_SQ_DRAINED, qa.qpn]]);
    qb.receive();
    qa.send({ inline: new Uint8Array() });
    expect(qb.recvCq.drain()).toEqual([]);
    qa.receive();
    qb.send({});
    expect(qa.recvCq.drain()).toMatchObject([{ status: 0 }]);
    expect(qa.modify(abi.VB_QPS_RTS)).toBe(0);
    expect(qb.recvCq.drain()).toMatchObject([{ status: 0 }]);
    expect(qa.sendCq.drain()).toMatchObject([{ status: 0 }]);
  });

  it('finishes over a link what it had begun, before it says so', () => {
    const { host, a, qa, b, qb, link } = pairOverWire(firmware);
    const events = a.events();
    const [from, to] = [a.buffer(1 << 20), b.buffer(1 << 20)];
    a.bytes.fill(7, from.addr, from.addr + (1 << 20));
    let open = false;
    for (const pipe of link.pipes) pipe.pace = (): number => (open ? 1e9 : 0);
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE, list: [{ ...from, length: 1 << 20 }], remote: to.addr, rkey: to.rkey });
    expect(qa.modify(abi.VB_QPS_SQD, { attr_mask: abi.VB_ATTR_SQD_EVENT })).toBe(0);
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE, inline: Uint8Array.of(9), remote: to.addr, rkey: to.rkey });
    const attributes = (): { draining: number } =>
      abi.queryQpAttrOut.decode(a.must(abi.VB_CMD_QUERY_QP_ATTR, abi.cmdHandle.encode({ handle: qa.qpn })));
    expect([taken(events), attributes().draining]).toEqual([[], 1]);
    open = true;
    host.settle();
    expect([taken(events), attributes().draining]).toEqual([[[abi.VB_EVENT_SQ_DRAINED, qa.qpn]], 0]);
    expect(qa.sendCq.drain()).toHaveLength(1);
    expect(b.bytes[to.addr]).toBe(7);
    expect(qa.modify(abi.VB_QPS_RTS)).toBe(0);
    host.settle();
    expect(b.bytes[to.addr]).toBe(9);
    expect(qb.state).toBe(abi.VB_QPS_RTS);
  });
});

describe('arming a completion queue for what is solicited', () => {
  it.each(TRANSPORTS)('wakes for a solicited message or an error only (%s)', (transport) => {
    const [, qa, b, qb] = new HandHost(firmware, transport).pair();
    const armed = (): boolean => (b.pendingEvents & (1 << abi.VB_CHANNEL_CQ)) !== 0;
    for (let i = 0; i < 3; i++) qb.receive();
    b.uar(abi.VB_UAR_CQ_ARM_SOLICITED, qb.recvCq.cqn, 0);
    qa.send({ flags: 0 });
    expect(armed()).toBe(false);
    qa.send({ flags: abi.VB_SEND_SOLICITED });
    expect(armed()).toBe(true);
    expect(qb.recvCq.drain()).toHaveLength(2);
  });
});
