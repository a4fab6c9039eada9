import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { HandHost, TRANSPORTS } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe.each(TRANSPORTS)('SEND and RECV between two domains (%s)', (transport) => {
  it('carries a message from a registered buffer to a registered buffer', () => {
    const [a, qa, b, qb] = new HandHost(firmware, transport).pair();
    const from = a.buffer(5000);
    const to = b.buffer(5000);
    for (let i = 0; i < 5000; i++) a.bytes[from.addr + i] = i % 251;
    qb.receive([{ addr: to.addr, length: 5000, lkey: to.lkey }], 77n);
    qa.send({ wrId: 42n, list: [{ addr: from.addr, length: 5000, lkey: from.lkey }] });
    expect(qa.sendCq.drain()).toMatchObject([{ wr_id: 42n, status: abi.VB_WC_SUCCESS, opcode: abi.VB_WR_SEND, qpn: qa.qpn }]);
    expect(qb.recvCq.drain()).toMatchObject([
      { wr_id: 77n, status: abi.VB_WC_SUCCESS, opcode: abi.VB_WC_RECV, byte_len: 5000, qpn: qb.qpn, slid: a.lid },
    ]);
    expect(b.bytes.slice(to.addr, to.addr + 5000)).toEqual(a.bytes.slice(from.addr, from.addr + 5000));
  });

  it('puts a short message into the completion entry when the receiver wants it there, and nothing else of the sender', () => {
    const [, qa, , qb] = new HandHost(firmware, transport).pair({ flags: abi.VB_QP_SCATTER_TO_CQE });
    for (let length = 0; length <= 32; length++) {
      qa.prepare({ inline: new Uint8Array(96).fill(0xee), flags: 0 });
      qa.sqTail--;
      qb.receive();
      qa.send({ inline: new Uint8Array(length).fill(0xaa), flags: 0 });
      const [entry] = qb.recvCq.drain();
      expect(entry).toMatchObject({ flags: abi.VB_CQE_F_INLINE, byte_len: length });
      expect(entry?.inline_data).toEqual(new Uint8Array(32).fill(0xaa, 0, length));
    }
    expect(qa.sendCq.drain()).toEqual([]);
  });

  it('carries immediate data, inline data beyond 32 bytes, and nothing at all', () => {
    const [, qa, b, qb] = new HandHost(firmware, transport).pair({ flags: abi.VB_QP_SCATTER_TO_CQE });
    const to = b.buffer(256);
    for (let i = 0; i < 3; i++) qb.receive([{ addr: to.addr + 64 * i, length: 64, lkey: to.lkey }]);
    qa.send({ opcode: abi.VB_WR_SEND_IMM, imm: 0xdeadbeef, inline: text('with a number') });
    qa.send({ inline: text('longer than what a completion queue entry holds') });
    qa.send({});
    const [first, second, third] = qb.recvCq.drain();
    expect(first).toMatchObject({ imm: 0xdeadbeef, flags: abi.VB_CQE_F_IMM | abi.VB_CQE_F_INLINE });
    expect(second).toMatchObject({ byte_len: 47, flags: 0 });
    expect(new TextDecoder().decode(b.bytes.slice(to.addr + 64, to.addr + 64 + 47))).toBe(
      'longer than what a completion queue entry holds',
    );
    expect(third).toMatchObject({ byte_len: 0, status: abi.VB_WC_SUCCESS });
  });

  it('gathers from and scatters to lists of unequal pieces', () => {
    const [a, qa, b, qb] = new HandHost(firmware, transport).pair({ sqStride: 256, rqStride: 128 });
    const from = a.buffer(300);
    const to = b.buffer(300);
    for (let i = 0; i < 300; i++) a.bytes[from.addr + i] = i;
    const cut = (base: number, lkey: number, lengths: number[]): { addr: number; length: number; lkey: number }[] => {
      let at = base;
      return lengths.map((length) => ({ addr: (at += length) - length, length, lkey }));
    };
    qb.receive(cut(to.addr, to.lkey, [100, 0, 7, 193]));
    qa.send({ list: cut(from.addr, from.lkey, [1, 99, 50, 0, 90]) });
    expect(qb.recvCq.drain()).toMatchObject([{ byte_len: 240, status: abi.VB_WC_SUCCESS }]);
    expect(b.bytes.slice(to.addr, to.addr + 240)).toEqual(a.bytes.slice(from.addr, from.addr + 240));
    expect(b.bytes[to.addr + 240]).toBe(0);
  });

  it('keeps order over many turns of all rings, with one doorbell for several requests', () => {
    const [, qa, , qb] = new HandHost(firmware, transport).pair({
      flags: abi.VB_QP_SCATTER_TO_CQE,
      sqEntries: 8,
      rqEntries: 16,
      cqEntries: 16,
    });
    const seen: number[] = [];
    for (let i = 0; i < 200; i += 4) {
      for (let k = 0; k < 4; k++) qb.receive();
      for (let k = 0; k < 4; k++) qa.prepare({ inline: Uint8Array.of(i + k), flags: 0 });
      qa.ring();
      seen.push(...qb.recvCq.drain().map((each) => each.inline_data[0] ?? -1));
    }
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  it('writes to itself when a queue pair is connected to another of the same domain, or to itself', () => {
    const a = new HandHost(firmware, transport).guest();
    const [left, right, self] = [a.queuePair(), a.queuePair(), a.queuePair()];
    left.connect(right);
    right.connect(left);
    self.connect(self);
    const box = a.buffer(128);
    right.receive([{ addr: box.addr, length: 64, lkey: box.lkey }]);
    self.receive([{ addr: box.addr + 64, length: 64, lkey: box.lkey }]);
    left.send({ inline: text('to my neighbour') });
    self.send({ inline: text('to myself') });
    expect(right.recvCq.drain()).toMatchObject([{ byte_len: 15 }]);
    expect(self.recvCq.drain()).toMatchObject([{ byte_len: 9 }]);
    expect(new TextDecoder().decode(a.bytes.slice(box.addr + 64, box.addr + 73))).toBe('to myself');
  });
});

describe.each(TRANSPORTS)('RDMA WRITE (%s)', (transport) => {
  it('changes the registered memory without a completion at the receiver', () => {
    const [a, qa, b, qb] = new HandHost(firmware, transport).pair();
    const from = a.buffer(1 << 20);
    const to = b.buffer(1 << 20);
    a.bytes.fill(0x5a, from.addr, from.addr + (1 << 20));
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE, list: [{ ...from, length: 1 << 20 }], remote: to.addr, rkey: to.rkey });
    expect(qa.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_SUCCESS, opcode: abi.VB_WR_RDMA_WRITE }]);
    expect(qb.recvCq.drain()).toEqual([]);
    expect(b.bytes.subarray(to.addr, to.addr + (1 << 20)).every((each) => each === 0x5a)).toBe(true);
  });

  it('with immediate takes a receive request, which says that the data is there', () => {
    const [a, qa, b, qb] = new HandHost(firmware, transport).pair();
    const [from, to] = [a.buffer(100), b.buffer(100)];
    qb.receive([], 5n);
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE_IMM, imm: 9, list: [{ ...from, length: 100 }], remote: to.addr, rkey: to.rkey });
    expect(qb.recvCq.drain()).toMatchObject([
      { wr_id: 5n, opcode: abi.VB_WC_RECV_RDMA_IMM, imm: 9, byte_len: 100, flags: abi.VB_CQE_F_IMM },
    ]);
  });
});
