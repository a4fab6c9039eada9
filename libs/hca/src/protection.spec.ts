import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { LIMITS } from './limits.ts';
import { HandHost, TRANSPORTS, type HandGuest, type HandQp } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

describe.each(TRANSPORTS)('the translation and protection table (R8, %s)', (transport) => {
  let a: HandGuest, qa: HandQp, b: HandGuest, qb: HandQp;
  beforeEach(() => {
    [a, qa, b, qb] = new HandHost(firmware, transport).pair();
  });
  const statuses = (entries: { status: number }[]): number[] => entries.map((each) => each.status);

  it('refuses a send from memory that no key covers, and sends the queue pair to the error state', () => {
    const mine = a.buffer(100);
    const cases = [
      { addr: mine.addr, length: 100, lkey: mine.lkey + 1 },
      { addr: mine.addr, length: 101, lkey: mine.lkey },
      { addr: mine.addr - 1, length: 10, lkey: mine.lkey },
      { addr: BigInt(mine.addr) + (1n << 32n), length: 10, lkey: mine.lkey },
      { addr: (1n << 64n) - 8n, length: 0x1000, lkey: mine.lkey },
      { addr: mine.addr, length: 10, lkey: b.buffer(100).lkey },
      { addr: mine.addr, length: 10, lkey: 0 },
    ];
    for (const bad of cases) {
      [a, qa, b, qb] = [a, a.queuePair(), b, b.queuePair()];
      qa.connect(qb);
      qb.connect(qa);
      qb.receive();
      qa.send({ flags: 0, list: [bad] });
      expect([bad, ...statuses(qa.sendCq.drain())]).toEqual([bad, abi.VB_WC_LOC_PROT_ERR]);
      expect(qa.state).toBe(abi.VB_QPS_ERR);
      expect(qb.recvCq.drain()).toEqual([]);
      for (const qp of [qa, qb]) qp.guest.must(abi.VB_CMD_DESTROY_QP, abi.cmdHandle.encode({ handle: qp.qpn }));
    }
  });

  it('refuses a write beyond the bounds, the rights or the lifetime of the remote region', () => {
    const from = a.buffer(64);
    const to = b.buffer(64);
    const readOnly = b.buffer(64, abi.VB_ACCESS_LOCAL_WRITE);
    const otherPd = abi.cmdHandle.decode(b.must(abi.VB_CMD_ALLOC_PD)).handle;
    const foreign = b.register(to.addr, 64, 3, otherPd);
    const gone = b.buffer(64);
    b.must(abi.VB_CMD_DEREG_MR, abi.cmdHandle.encode({ handle: gone.handle }));
    const again = b.register(gone.addr, 64);
    expect(again.rkey).not.toBe(gone.rkey);
    const cases = [
      { remote: to.addr + 1, rkey: to.rkey },
      { remote: to.addr - 1, rkey: to.rkey },
      { remote: (1n << 64n) - 1n, rkey: to.rkey },
      { remote: readOnly.addr, rkey: readOnly.rkey },
      { remote: to.addr, rkey: foreign.rkey },
      { remote: gone.addr, rkey: gone.rkey },
      { remote: from.addr, rkey: from.rkey },
    ];
    for (const bad of cases) {
      const [x, y] = [a.queuePair(), b.queuePair()];
      x.connect(y);
      y.connect(x);
      const before = b.bytes.slice(abi.VB_DATA_BASE);
      a.bytes.fill(0x77, from.addr, from.addr + 64);
      x.send({ opcode: abi.VB_WR_RDMA_WRITE, list: [{ ...from, length: 64 }], ...bad });
      expect([bad, ...statuses(x.sendCq.drain())]).toEqual([bad, abi.VB_WC_REM_ACCESS_ERR]);
      expect([x.state, y.state]).toEqual([abi.VB_QPS_ERR, abi.VB_QPS_ERR]);
      expect(Buffer.compare(b.bytes.subarray(abi.VB_DATA_BASE), before)).toBe(0);
      for (const qp of [x, y]) qp.guest.must(abi.VB_CMD_DESTROY_QP, abi.cmdHandle.encode({ handle: qp.qpn }));
    }
  });

  it('refuses remote writes to a queue pair that does not allow them', () => {
    const [x, y] = [a.queuePair(), b.queuePair({ access: abi.VB_ACCESS_LOCAL_WRITE })];
    x.connect(y);
    y.connect(x);
    const to = b.buffer(8);
    x.send({ opcode: abi.VB_WR_RDMA_WRITE, inline: new Uint8Array(8), remote: to.addr, rkey: to.rkey });
    expect(statuses(x.sendCq.drain())).toEqual([abi.VB_WC_REM_ACCESS_ERR]);
  });

  it('tells both ends when a message is longer than its receive request, or the request names memory that is not its own', () => {
    const to = b.buffer(64);
    qb.receive([{ addr: to.addr, length: 10, lkey: to.lkey }], 1n);
    qb.receive([{ addr: to.addr, length: 64, lkey: to.lkey }], 2n);
    qa.send({ inline: new Uint8Array(11), wrId: 8n });
    expect(qa.sendCq.drain()).toMatchObject([{ wr_id: 8n, status: abi.VB_WC_REM_INV_REQ_ERR }]);
    expect(qb.recvCq.drain()).toMatchObject([
      { wr_id: 1n, status: abi.VB_WC_LOC_LEN_ERR },
      { wr_id: 2n, status: abi.VB_WC_WR_FLUSH_ERR },
    ]);
    const [x, y] = [a.queuePair(), b.queuePair()];
    x.connect(y);
    y.connect(x);
    y.receive([{ addr: to.addr, length: 65, lkey: to.lkey }]);
    x.send({ inline: new Uint8Array(11) });
    expect(statuses(x.sendCq.drain())).toEqual([abi.VB_WC_REM_OP_ERR]);
    expect(statuses(y.recvCq.drain())).toEqual([abi.VB_WC_LOC_PROT_ERR]);
  });

  it('refuses work requests that are no work requests', () => {
    for (const bad of [{ opcode: 0 }, { opcode: 11 }, { opcode: 255 }, { sges: 7 }, { sges: 0xffff }]) {
      const [x, y] = [a.queuePair(), b.queuePair()];
      x.connect(y);
      y.connect(x);
      x.send({ flags: 0, ...bad });
      expect(statuses(x.sendCq.drain())).toEqual([abi.VB_WC_LOC_QP_OP_ERR]);
    }
    qa.send({ inline: new Uint8Array(4), inlineLength: 97 });
    expect(statuses(qa.sendCq.drain())).toEqual([abi.VB_WC_LOC_LEN_ERR]);
  });
});

describe('one domain and another (R9)', () => {
  it("cannot ring another's doorbell, nor arm or free its completion queues", () => {
    const [a, qa, b, qb] = new HandHost(firmware).pair({ flags: abi.VB_QP_SCATTER_TO_CQE });
    qb.receive();
    qa.prepare({ inline: Uint8Array.of(1) });
    b.uar(abi.VB_UAR_SQ, qa.qpn, 1);
    b.uar(abi.VB_UAR_CQ_ARM, qa.sendCq.cqn, 0);
    expect(qb.recvCq.drain()).toEqual([]);
    expect(a.wakeups).toBe(0);
    qa.ring();
    expect(qb.recvCq.drain()).toHaveLength(1);
    expect(a.wakeups).toBe(0);
  });

  it('can use, change and destroy nothing of the other', () => {
    const [a, qa, b] = new HandHost(firmware).pair();
    const mr = a.buffer(64);
    const handle = (value: number): Uint8Array => abi.cmdHandle.encode({ handle: value });
    const refusals = [
      b.command(abi.VB_CMD_DESTROY_QP, handle(qa.qpn)),
      b.command(abi.VB_CMD_QUERY_QP, handle(qa.qpn)),
      b.command(abi.VB_CMD_MODIFY_QP, abi.modifyQpIn.encode({ qpn: qa.qpn, attr_mask: 1, state: abi.VB_QPS_ERR })),
      b.command(abi.VB_CMD_DESTROY_CQ, handle(qa.sendCq.cqn)),
      b.command(abi.VB_CMD_DEREG_MR, handle(mr.handle)),
      b.command(abi.VB_CMD_DEALLOC_PD, handle(a.pd)),
      b.command(abi.VB_CMD_REG_MR, abi.regMrIn.encode({ pd: a.pd, access: 1, addr: BigInt(mr.addr), length: 8n })),
    ];
    expect(refusals.map((each) => each.status)).toEqual(refusals.map(() => abi.VB_EINVAL));
    expect(qa.state).toBe(abi.VB_QPS_RTS);
  });

  it('cannot connect across partitions, nor tell whether anybody is there', () => {
    const host = new HandHost(firmware);
    const [a, b] = [host.guest(1), host.guest(2)];
    const [qa, qb] = [a.queuePair(), b.queuePair()];
    qa.modify(abi.VB_QPS_INIT, { access: 3 });
    expect(qa.modify(abi.VB_QPS_RTR, { dest_lid: b.lid, dest_qpn: qb.qpn })).toBe(abi.VB_EINVAL);
    expect(qa.modify(abi.VB_QPS_RTR, { dest_lid: b.lid, dest_qpn: 12345 })).toBe(abi.VB_EINVAL);
  });

  it('is not heard by a queue pair that is connected to somebody else', () => {
    const host = new HandHost(firmware);
    const [a, b, c] = [host.guest(), host.guest(), host.guest()];
    const [qa, qb, qc] = [a.queuePair(), b.queuePair(), c.queuePair()];
    qb.connect(qc);
    qc.connect(qb);
    qa.connect(qb);
    qb.receive();
    qa.send({ inline: Uint8Array.of(1) });
    expect(qa.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_RETRY_EXC_ERR }]);
    expect(qb.recvCq.drain()).toEqual([]);
  });
});

describe('set-up commands', () => {
  it('keep every limit, and give back what is destroyed', () => {
    const guest = new HandHost(firmware).guest();
    const pds: number[] = [];
    for (;;) {
      const { status, output } = guest.command(abi.VB_CMD_ALLOC_PD);
      if (status !== 0) {
        expect(status).toBe(abi.VB_ENOSPC);
        break;
      }
      pds.push(abi.cmdHandle.decode(output).handle);
    }
    expect(pds).toHaveLength(LIMITS.pds);
    guest.must(abi.VB_CMD_DEALLOC_PD, abi.cmdHandle.encode({ handle: pds[3] ?? 0 }));
    const handle = abi.cmdHandle.decode(guest.must(abi.VB_CMD_ALLOC_PD)).handle;
    expect(pds).not.toContain(handle);
    const input = abi.regMrIn.encode({ pd: handle, access: 1, addr: 0n, length: 64n });
    for (let i = 0; i < LIMITS.mrs; i++) guest.must(abi.VB_CMD_REG_MR, input);
    expect(guest.command(abi.VB_CMD_REG_MR, input).status).toBe(abi.VB_ENOSPC);
  });

  it('refuse what is in use, what is not aligned, and what lies outside the memory', () => {
    const guest = new HandHost(firmware).guest();
    const qp = guest.queuePair();
    const size = BigInt(guest.memory.buffer.byteLength);
    expect(guest.command(abi.VB_CMD_DEALLOC_PD, abi.cmdHandle.encode({ handle: guest.pd })).status).toBe(abi.VB_EBUSY);
    expect(guest.command(abi.VB_CMD_DESTROY_CQ, abi.cmdHandle.encode({ handle: qp.sendCq.cqn })).status).toBe(abi.VB_EBUSY);
    const cq = (ring_addr: bigint, entries: number): number =>
      guest.command(abi.VB_CMD_CREATE_CQ, abi.createCqIn.encode({ ring_addr, entries })).status;
    expect(cq(64n, 3)).toBe(abi.VB_EINVAL);
    expect(cq(64n, 0)).toBe(abi.VB_EINVAL);
    expect(cq(65n, 4)).toBe(abi.VB_EINVAL);
    expect(cq(size - 128n, 4)).toBe(abi.VB_EFAULT);
    expect(cq((1n << 64n) - 64n, 4)).toBe(abi.VB_EFAULT);
    const mr = (addr: bigint, length: bigint, access = 1): number =>
      guest.command(abi.VB_CMD_REG_MR, abi.regMrIn.encode({ pd: guest.pd, access, addr, length })).status;
    expect([mr(0n, size), mr(0n, size + 1n), mr(size, 1n), mr((1n << 64n) - 1n, 2n)]).toEqual([0, -14, -14, -14]);
    expect([mr(0n, 0n), mr(0n, 8n, 8), mr(0n, 8n, abi.VB_ACCESS_REMOTE_WRITE)]).toEqual([-22, -22, -22]);
    expect(guest.command(99).status).toBe(abi.VB_ENOSYS);
    expect(guest.command(abi.VB_CMD_CREATE_QP, new Uint8Array(47)).status).toBe(abi.VB_EINVAL);
  });
});
