/** Multicast groups: who hears what, and what is refused (InfiniBand vol. 1, section 10.5). */
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

const QKEY = 9;
const gid = (last: number): Uint8Array => Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? 0xff : i === 15 ? last : 0));
const join = (guest: HandGuest, last = 1, qkey = QKEY, pkey_index = 0) =>
  guest.command(abi.VB_CMD_JOIN_MCAST, abi.joinMcastIn.encode({ mgid: gid(last), qkey, pkey_index }));
const joined = (guest: HandGuest, last = 1): number => abi.joinMcastOut.decode(join(guest, last).output).mlid;
const leave = (guest: HandGuest, last = 1): number =>
  guest.command(abi.VB_CMD_LEAVE_MCAST, abi.joinMcastIn.encode({ mgid: gid(last) })).status;
const change = (opcode: number, qp: HandQp, mlid: number, last = 1): number =>
  qp.guest.command(opcode, abi.attachMcastIn.encode({ qpn: qp.qpn, mlid, mgid: gid(last) })).status;
const attach = (qp: HandQp, mlid: number, last = 1): number => change(abi.VB_CMD_ATTACH_MCAST, qp, mlid, last);
const detach = (qp: HandQp, mlid: number): number => change(abi.VB_CMD_DETACH_MCAST, qp, mlid);

function datagrams(guest: HandGuest, qkey = QKEY): HandQp {
  const qp = guest.queuePair({ type: abi.VB_QPT_UD, qkey, rqStride: 64 });
  qp.open();
  return qp;
}

const send = (qp: HandQp, mlid: number, text: number, qkey = QKEY): void =>
  qp.send({ inline: Uint8Array.of(text), remote: (BigInt(mlid) << 32n) | 0xff_ffffn, rkey: qkey });

/** Posts a buffer; afterwards, the payloads of what has come. */
function listen(qp: HandQp): () => number[] {
  const box = qp.guest.buffer(4 * 64);
  for (let i = 0; i < 4; i++) qp.receive([{ addr: box.addr + 64 * i, length: 64, lkey: box.lkey }], BigInt(i));
  return () =>
    qp.recvCq.drain().map(({ wr_id, flags, byte_len }) => {
      expect([flags & abi.VB_CQE_F_GRH, byte_len]).toEqual([abi.VB_CQE_F_GRH, 41]);
      return qp.guest.bytes[box.addr + 64 * Number(wr_id) + 40] ?? -1;
    });
}

describe.each(TRANSPORTS)('a multicast group by %s', (transport) => {
  let host: HandHost;
  let guests: HandGuest[];
  beforeEach(() => {
    host = new HandHost(firmware, transport);
    guests = [host.guest(), host.guest(), host.guest()];
  });
  const three = (): [HandGuest, HandGuest, HandGuest] => {
    const [a, b, c] = guests;
    if (a === undefined || b === undefined || c === undefined) throw new Error('there are three');
    return [a, b, c];
  };

  it('has one LID for all members, who all hear what one of them sends, but for the queue pair that sent it', () => {
    const [a, b, c] = three();
    const mlids = [a, b, c].map((guest) => joined(guest));
    const [mlid = 0] = mlids;
    expect(new Set(mlids).size).toBe(1);
    expect(mlid).toBeGreaterThanOrEqual(0xc000);
    const queues = [datagrams(a), datagrams(a), datagrams(b), datagrams(c)];
    for (const qp of queues) expect(attach(qp, mlid)).toBe(0);
    const ears = queues.map(listen);
    queues.forEach((qp, i) => send(qp, mlid, i));
    expect(ears.map((heard) => heard())).toEqual([
      [1, 2, 3],
      [0, 2, 3],
      [0, 1, 3],
      [0, 1, 2],
    ]);
    for (const qp of queues) expect(qp.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_SUCCESS }]);
  });

  it('is heard by nobody who has left, is not attached, has another Q_Key or is of another partition', () => {
    const [a, b, c] = three();
    const mlid = joined(a);
    const stranger = host.guest(2);
    for (const guest of [b, c]) joined(guest);
    expect(joined(stranger)).toBeGreaterThanOrEqual(0xc000);
    const [from, gone, wrong, idle, other] = [datagrams(a), datagrams(b), datagrams(c, QKEY + 1), datagrams(c), datagrams(stranger)];
    for (const qp of [gone, wrong]) expect(attach(qp, mlid)).toBe(0);
    expect(attach(other, joined(stranger))).toBe(0);
    const ears = [gone, wrong, idle, other].map(listen);
    expect(detach(gone, mlid)).toBe(0);
    expect(leave(b)).toBe(0);
    send(from, mlid, 1);
    expect(ears.map((heard) => heard())).toEqual([[], [], [], []]);
    expect(from.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_SUCCESS }]);
  });

  it('ends with the domain that was in it', () => {
    const [a, b] = three();
    const mlid = joined(a);
    joined(b);
    const [from, to] = [datagrams(a), datagrams(b)];
    expect(attach(to, mlid)).toBe(0);
    b.process.adapter.resetDomain(b.peer.slot);
    send(from, mlid, 1);
    expect(from.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_SUCCESS }]);
    a.process.adapter.resetDomain(a.peer.slot);
    for (let i = 0; i < 64; i++) expect(a.process.adapter.memory.group(i).get('mlid')).toBe(0);
  });
});

describe('what cannot be', () => {
  it('is refused', () => {
    const host = new HandHost(firmware);
    const [a, b] = [host.guest(), host.guest()];
    const unicast = abi.joinMcastIn.encode({ mgid: new Uint8Array(16), qkey: 0, pkey_index: 0 });
    expect(a.command(abi.VB_CMD_JOIN_MCAST, unicast).status).toBe(abi.VB_EINVAL);
    expect(join(a, 1, QKEY, 5).status).toBe(abi.VB_EINVAL);
    const mlid = joined(a);
    expect(join(b, 1, QKEY + 1).status).toBe(abi.VB_EINVAL);
    const [mine, theirs, connected] = [datagrams(a), datagrams(b), a.queuePair()];
    expect(attach(theirs, mlid)).toBe(abi.VB_EINVAL); // has not joined
    expect(attach(connected, mlid)).toBe(abi.VB_EINVAL);
    expect(attach(mine, mlid + 1)).toBe(abi.VB_EINVAL);
    expect(attach(mine, mlid, 2)).toBe(abi.VB_EINVAL);
    expect(detach(mine, mlid)).toBe(abi.VB_EINVAL);
    expect(leave(b)).toBe(abi.VB_EINVAL);
    expect(attach(mine, mlid)).toBe(0);
    expect(attach(mine, mlid)).toBe(0);
    expect(leave(a)).toBe(abi.VB_EBUSY);
    expect(a.command(abi.VB_CMD_DESTROY_QP, abi.cmdHandle.encode({ handle: mine.qpn })).status).toBe(abi.VB_EBUSY);
    expect(detach(mine, mlid)).toBe(0);
    expect(leave(a)).toBe(0);
    expect(a.command(abi.VB_CMD_DESTROY_QP, abi.cmdHandle.encode({ handle: mine.qpn })).status).toBe(0);
  });

  it('a domain has as many groups and places in them as it may, and no more', () => {
    const host = new HandHost(firmware);
    const a = host.guest(1, 1024);
    const mlids = Array.from({ length: LIMITS.groups }, (_, i) => joined(a, i));
    expect(join(a, LIMITS.groups).status).toBe(abi.VB_ENOSPC);
    const queues = Array.from({ length: LIMITS.attachments / LIMITS.groups }, () =>
      a.queuePair({ type: abi.VB_QPT_UD, qkey: QKEY, sqEntries: 2, rqEntries: 2, cqEntries: 4 }),
    );
    for (const qp of queues) mlids.forEach((mlid, i) => expect(attach(qp, mlid, i)).toBe(0));
    expect(attach(datagrams(a), mlids[0] ?? 0, 0)).toBe(abi.VB_ENOSPC);
  });

  it('who sends to a group that nobody has joined, or to a queue pair in it, is not heard, and it is counted', () => {
    const host = new HandHost(firmware);
    const [a, b] = [host.guest(), host.guest()];
    const mlid = joined(b);
    const [from, to] = [datagrams(a), datagrams(b)];
    expect(attach(to, mlid)).toBe(0);
    const heard = listen(to);
    send(from, mlid ^ 1, 1);
    from.send({ inline: Uint8Array.of(2), remote: (BigInt(mlid) << 32n) | BigInt(to.qpn), rkey: QKEY });
    expect(heard()).toEqual([]);
    expect(host.adapter.counters(a.peer.slot, []).txDrops).toBe(2);
    send(from, mlid, 3);
    expect(heard()).toEqual([3]);
  });
});
