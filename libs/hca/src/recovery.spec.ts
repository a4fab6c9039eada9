/** What the main thread finds when a thread was ended inside the firmware: the states are made by hand, since the instruction cannot be chosen. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { HandHost } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

describe('recovery of a thread that was ended', () => {
  let firmware: FirmwareModules;
  beforeAll(async () => {
    firmware = await loadFirmware();
  }, 120_000);

  it('releases its send queue lock and fails the connection at both ends', () => {
    const host = new HandHost(firmware);
    const [a, qa, , qb] = host.pair();
    for (let i = 0; i < 2; i++) qb.receive([], BigInt(i));
    qa.prepare({ wrId: 9n, inline: new Uint8Array(1) });
    const row = host.adapter.memory.qp(qa.qpn);
    row.set({ sq_lock: (a.thread + 1) << 1, sq_tail: 1 });
    expect(host.adapter.heldLocks()).toBe(1);
    host.adapter.recoverThreads(a.peer, [a.thread]);
    expect(host.adapter.heldLocks()).toBe(0);
    expect([qa.state, qb.state]).toEqual([abi.VB_QPS_ERR, abi.VB_QPS_ERR]);
    expect(qa.sendCq.drain()).toMatchObject([{ wr_id: 9n, status: abi.VB_WC_WR_FLUSH_ERR }]);
    expect(qb.recvCq.drain()).toMatchObject([
      { wr_id: 0n, status: abi.VB_WC_WR_FLUSH_ERR },
      { wr_id: 1n, status: abi.VB_WC_WR_FLUSH_ERR },
    ]);
  });

  it('fills the entry that it had reserved in a completion queue, so that later ones are not stuck behind it', () => {
    const host = new HandHost(firmware);
    const [a, qa, b, qb] = host.pair({ flags: abi.VB_QP_SCATTER_TO_CQE });
    const cq = host.adapter.memory.cq(qb.recvCq.cqn);
    cq.set({ head: 1 });
    const note = { note_cq: (qb.recvCq.cqn % 2048) + 1, note_index: 0, note_wr_id: 77n, note_qpn: qb.qpn, note_opcode: abi.VB_WC_RECV };
    qb.receive([], 78n);
    qa.send({ inline: Uint8Array.of(1) });
    qb.recvCq.arm();
    expect(qb.recvCq.drain()).toEqual([]);
    host.adapter.memory.thread(a.thread).set(note);
    host.adapter.recoverThreads(a.peer, [a.thread]);
    expect(b.wakeups).toBe(1);
    expect(qb.recvCq.drain()).toMatchObject([
      { wr_id: 77n, status: abi.VB_WC_WR_FLUSH_ERR },
      { wr_id: 78n, status: abi.VB_WC_SUCCESS },
    ]);
  });

  it('leaves an entry alone that it had finished', () => {
    const host = new HandHost(firmware);
    const [a, qa, , qb] = host.pair();
    qb.receive();
    qa.send({});
    host.adapter.memory.thread(a.thread).set({ note_cq: (qb.recvCq.cqn % 2048) + 1, note_index: 0 });
    host.adapter.recoverThreads(a.peer, [a.thread]);
    expect(qb.recvCq.drain()).toMatchObject([{ status: abi.VB_WC_SUCCESS }]);
  });

  it('frees the command lock, so that others can go on', () => {
    const host = new HandHost(firmware);
    const [a, , b] = host.pair();
    host.adapter.memory.header.set({ command_lock: a.thread + 1 });
    host.adapter.recoverThreads(a.peer, [a.thread]);
    expect(b.command(abi.VB_CMD_ALLOC_PD).status).toBe(0);
  });

  it('never gives away what a stopped thread may still be working on', () => {
    const host = new HandHost(firmware);
    const [a, qa, b, qb] = host.pair();
    host.adapter.memory.qp(qa.qpn).set({ sq_lock: (a.thread + 1) << 1 });
    host.adapter.resetDomain(b.peer.slot);
    const again = host.guest().queuePair();
    expect(again.qpn % 16384).not.toBe(qb.qpn % 16384);
    expect([again.recvCq.cqn % 2048, again.sendCq.cqn % 2048]).not.toContain(qb.recvCq.cqn % 2048);
    expect(b.command(abi.VB_CMD_QUERY_QP, abi.cmdHandle.encode({ handle: qb.qpn })).status).toBe(abi.VB_EINVAL);
    host.adapter.recoverThreads(a.peer, [a.thread]);
    expect(host.adapter.heldLocks()).toBe(0);
  });

  it('makes nothing of a thread context that somebody else has by now', () => {
    const host = new HandHost(firmware);
    const [a, , b, qb] = host.pair();
    host.adapter.memory.qp(qb.qpn).set({ sq_lock: (b.thread + 1) << 1 });
    host.adapter.recoverThreads(a.peer, [b.thread]);
    expect(host.adapter.heldLocks()).toBe(1);
  });
});

describe('a domain between two programs', () => {
  it('has nothing left of the first, and whoever was connected to it is told', async () => {
    const host = new HandHost(await loadFirmware());
    const [a, , , qb] = host.pair();
    qb.receive([], 3n);
    qb.send({ wrId: 4n, flags: 0, inline: new Uint8Array(1) });
    qb.recvCq.arm();
    const mr = a.buffer(64);
    host.adapter.resetDomain(a.peer.slot);
    expect(qb.state).toBe(abi.VB_QPS_ERR);
    expect(qb.recvCq.drain()).toMatchObject([{ wr_id: 3n, status: abi.VB_WC_WR_FLUSH_ERR }]);
    expect(qb.sendCq.drain()).toMatchObject([{ wr_id: 4n, status: abi.VB_WC_WR_FLUSH_ERR }]);
    expect(qb.guest.wakeups).toBe(1);
    expect(a.command(abi.VB_CMD_DEREG_MR, abi.cmdHandle.encode({ handle: mr.handle })).status).toBe(abi.VB_EINVAL);
    expect(a.command(abi.VB_CMD_ALLOC_PD).status).toBe(0);
  });

  it('keeps its counters, and loses its place when it is removed', async () => {
    const host = new HandHost(await loadFirmware());
    const [a, qa, b, qb] = host.pair();
    qb.receive();
    qa.send({});
    host.adapter.resetDomain(b.peer.slot);
    expect(host.adapter.counters(b.peer.slot, [b.thread])).toMatchObject({ messagesReceived: 1, messagesSent: 0, bytesReceived: 0 });
    host.adapter.removeDomain(a.peer);
    expect(a.command(abi.VB_CMD_ALLOC_PD).status).toBe(abi.VB_ENODEV);
    const next = host.guest();
    expect([next.peer.slot, next.peer.epoch]).toEqual([a.peer.slot, a.peer.epoch + 2]);
  });
});
