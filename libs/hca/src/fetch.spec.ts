/** RDMA READ and atomics (InfiniBand vol. 1, section 9.4), in one process and between two. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { HandHost, TRANSPORTS, pairOverWire, type HandGuest } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

const ALL = abi.VB_ACCESS_LOCAL_WRITE | abi.VB_ACCESS_REMOTE_WRITE | abi.VB_ACCESS_REMOTE_READ | abi.VB_ACCESS_REMOTE_ATOMIC;
const OPTIONS = { access: ALL, flags: abi.VB_QP_SCATTER_TO_CQE };
const statuses = (list: readonly { status: number }[]): number[] => list.map(({ status }) => status);
const word = (guest: HandGuest, at: number): bigint => guest.view.getBigUint64(at, true);

describe.each(TRANSPORTS)('RDMA READ (%s)', (transport) => {
  it.each([0, 1, 100, 200_000, 3_000_000])('fetches %i bytes', (length) => {
    const [a, qa, b] = new HandHost(firmware, transport).pair(OPTIONS, 512);
    const [to, from] = [a.buffer(length + 8, ALL), b.buffer(length + 8, ALL)];
    for (let i = 0; i < length; i++) b.bytes[from.addr + i] = (i * 7 + (i >> 9)) & 0xff;
    a.bytes[to.addr + length] = 0xee;
    qa.send({ opcode: abi.VB_WR_RDMA_READ, list: [{ addr: to.addr, length, lkey: to.lkey }], remote: from.addr, rkey: from.rkey });
    expect(qa.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_SUCCESS, opcode: abi.VB_WR_RDMA_READ, byte_len: length }]);
    expect(Buffer.compare(a.bytes.subarray(to.addr, to.addr + length), b.bytes.subarray(from.addr, from.addr + length))).toBe(0);
    expect(a.bytes[to.addr + length]).toBe(0xee);
  });

  it('keeps its place between other requests', () => {
    const [a, qa, b, qb] = new HandHost(firmware, transport).pair(OPTIONS);
    const [mine, there] = [a.buffer(64, ALL), b.buffer(64, ALL)];
    const write = (value: number): void => {
      a.bytes[mine.addr] = value;
      qa.send({ opcode: abi.VB_WR_RDMA_WRITE, list: [{ ...mine, length: 1 }], remote: there.addr, rkey: there.rkey });
    };
    write(1);
    qa.prepare({ opcode: abi.VB_WR_RDMA_READ, list: [{ ...mine, addr: mine.addr + 8, length: 1 }], remote: there.addr, rkey: there.rkey });
    qa.prepare({ inline: Uint8Array.of(5) });
    qb.receive();
    qa.ring();
    write(2);
    expect(a.bytes[mine.addr + 8]).toBe(1);
    expect(b.bytes[there.addr]).toBe(2);
    expect(qb.recvCq.drain()).toHaveLength(1);
    expect(statuses(qa.sendCq.drain())).toEqual([0, 0, 0, 0]);
  });

  it.each([
    ['no right to read', ALL & ~abi.VB_ACCESS_REMOTE_READ, ALL, 0, abi.VB_WC_REM_ACCESS_ERR],
    ['a queue pair without that right', ALL, ALL & ~abi.VB_ACCESS_REMOTE_READ, 0, abi.VB_WC_REM_ACCESS_ERR],
    ['too much', ALL, ALL, 1, abi.VB_WC_REM_ACCESS_ERR],
  ])('is refused with %s, and changes nothing', (_what, region, queue, more, status) => {
    const [a, qa, b, qb] = new HandHost(firmware, transport).pair({ ...OPTIONS, access: queue });
    const [to, from] = [a.buffer(128, ALL), b.buffer(64, region)];
    b.bytes.fill(7, from.addr, from.addr + 64);
    qa.send({ opcode: abi.VB_WR_RDMA_READ, list: [{ ...to, length: 64 + more }], remote: from.addr, rkey: from.rkey });
    expect(statuses(qa.sendCq.drain())).toEqual([status]);
    expect([qa.state, qb.state]).toEqual([abi.VB_QPS_ERR, abi.VB_QPS_ERR]);
    expect(a.bytes[to.addr]).toBe(0);
  });

  it('needs the right to write where the data goes, and cannot be inline', () => {
    for (const wish of [{ access: 0 }, { access: ALL, inline: new Uint8Array(8) }]) {
      const [a, qa, b] = new HandHost(firmware, transport).pair(OPTIONS);
      const [to, from] = [a.buffer(64, wish.access), b.buffer(64, ALL)];
      const payload = wish.inline === undefined ? { list: [{ ...to, length: 64 }] } : { inline: wish.inline };
      qa.send({ opcode: abi.VB_WR_RDMA_READ, ...payload, remote: from.addr, rkey: from.rkey });
      expect(statuses(qa.sendCq.drain())).toEqual([wish.inline === undefined ? abi.VB_WC_LOC_PROT_ERR : abi.VB_WC_LOC_QP_OP_ERR]);
    }
  });
});

describe.each(TRANSPORTS)('atomics (%s)', (transport) => {
  it('swap when the value is what was expected, add, and say what was there', () => {
    const [a, qa, b] = new HandHost(firmware, transport).pair(OPTIONS);
    const [old, cell] = [a.buffer(64, ALL), b.buffer(64, ALL)];
    b.view.setBigUint64(cell.addr + 8, 40n, true);
    const run = (opcode: number, compare_add: bigint, swap = 0n): bigint => {
      const list = [{ ...old, length: 8 }];
      qa.send({ opcode, list, remote: cell.addr + 8, rkey: cell.rkey, atomic: { compare_add, swap } });
      expect(statuses(qa.sendCq.drain())).toEqual([0]);
      return word(a, old.addr);
    };
    expect(run(abi.VB_WR_ATOMIC_FADD, 2n)).toBe(40n);
    expect(run(abi.VB_WR_ATOMIC_CAS, 41n, 1n)).toBe(42n);
    expect(run(abi.VB_WR_ATOMIC_CAS, 42n, 2n ** 63n)).toBe(42n);
    expect(run(abi.VB_WR_ATOMIC_FADD, 2n ** 63n + 1n)).toBe(2n ** 63n);
    expect([word(b, cell.addr), word(b, cell.addr + 8), word(b, cell.addr + 16)]).toEqual([0n, 1n, 0n]);
  });

  it.each([
    ['an address that is not a multiple of 8', 4, ALL, 8, abi.VB_WC_REM_INV_REQ_ERR],
    ['no right', 0, ALL & ~abi.VB_ACCESS_REMOTE_ATOMIC, 8, abi.VB_WC_REM_ACCESS_ERR],
    ['the end of the region', 64, ALL, 8, abi.VB_WC_REM_ACCESS_ERR],
    ['another length than 8', 0, ALL, 4, abi.VB_WC_LOC_LEN_ERR],
  ])('are refused for %s', (_what, offset, access, length, status) => {
    const [a, qa, b] = new HandHost(firmware, transport).pair(OPTIONS);
    const [old, cell] = [a.buffer(64, ALL), b.buffer(64, access)];
    const list = [{ ...old, length }];
    qa.send({ opcode: abi.VB_WR_ATOMIC_FADD, list, remote: cell.addr + offset, rkey: cell.rkey, atomic: { compare_add: 1n } });
    expect(statuses(qa.sendCq.drain())).toEqual([status]);
    expect(word(b, cell.addr)).toBe(0n);
  });
});

describe('a link that breaks', () => {
  it('makes a READ again and an atomic not, and both complete', () => {
    const { a, qa, b, link, host } = pairOverWire(firmware, OPTIONS);
    const [old, cell, big, there] = [a.buffer(64, ALL), b.buffer(64, ALL), a.buffer(2_000_000, ALL), b.buffer(2_000_000, ALL)];
    b.bytes.fill(9, there.addr, there.addr + 2_000_000);
    for (const spared of [0, 300_000, 1_000_000]) {
      const before = word(b, cell.addr);
      let left = spared;
      link.pipes[1].pace = () => ((left -= 1000) > 0 ? 1000 : 0); // The answer does not come through, or not all of it.
      qa.prepare({
        opcode: abi.VB_WR_ATOMIC_FADD,
        list: [{ ...old, length: 8 }],
        remote: cell.addr,
        rkey: cell.rkey,
        atomic: { compare_add: 1n },
      });
      qa.prepare({ opcode: abi.VB_WR_RDMA_READ, list: [{ ...big, length: 2_000_000 }], remote: there.addr, rkey: there.rkey });
      qa.ring();
      link.cut();
      link.open();
      host.settle();
      expect(statuses(qa.sendCq.drain())).toEqual([0, 0]);
      expect([word(a, old.addr), word(b, cell.addr)]).toEqual([before, before + 1n]);
      expect(a.bytes.subarray(big.addr, big.addr + 2_000_000).every((each) => each === 9)).toBe(true);
      a.bytes.fill(0, big.addr, big.addr + 2_000_000);
    }
  });
});
