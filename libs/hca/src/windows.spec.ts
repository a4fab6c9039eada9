import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { HandHost, TRANSPORTS, type HandGuest, type HandQp } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

const ALL = abi.VB_ACCESS_LOCAL_WRITE | abi.VB_ACCESS_REMOTE_WRITE | abi.VB_ACCESS_REMOTE_READ;
const RIGHTS = abi.VB_ACCESS_REMOTE_WRITE | abi.VB_ACCESS_REMOTE_READ;
const BINDABLE = abi.VB_ACCESS_LOCAL_WRITE | abi.VB_ACCESS_MW_BIND;

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

describe.each(TRANSPORTS)('memory windows (%s)', (transport) => {
  let a: HandGuest, qa: HandQp, b: HandGuest, qb: HandQp;
  let region: { addr: number; lkey: number; rkey: number; handle: number };
  let window: number;

  beforeEach(() => {
    [a, qa, b, qb] = new HandHost(firmware, transport).pair({ access: ALL });
    region = b.buffer(256, BINDABLE);
    window = b.window();
  });

  const status = (qp: HandQp): number[] => qp.sendCq.drain().map((each) => each.status);
  const bind = (key = window + 1, addr = region.addr + 64, length = 64, rights = RIGHTS): void =>
    qb.send({ opcode: abi.VB_WR_BIND_MW, rkey: key, imm: rights, list: [{ addr, length, lkey: region.lkey }] });
  const write = (rkey: number, remote = region.addr + 64, qp = qa): void =>
    qp.send({ opcode: abi.VB_WR_RDMA_WRITE, inline: Uint8Array.of(1, 2, 3, 4), remote, rkey });

  it('show their range to the peer of the queue pair to which they are bound, and nothing before', () => {
    bind();
    expect(status(qb)).toEqual([abi.VB_WC_SUCCESS]);
    write(window + 1);
    expect(status(qa)).toEqual([abi.VB_WC_SUCCESS]);
    expect([...b.bytes.subarray(region.addr + 64, region.addr + 68)]).toEqual([1, 2, 3, 4]);
    const into = a.buffer(4);
    qa.send({ opcode: abi.VB_WR_RDMA_READ, list: [{ ...into, length: 4 }], remote: region.addr + 64, rkey: window + 1 });
    expect(status(qa)).toEqual([abi.VB_WC_SUCCESS]);
    expect([...a.bytes.subarray(into.addr, into.addr + 4)]).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['a byte before the range', (): void => write(window + 1, region.addr + 63)],
    ['bytes behind it', (): void => write(window + 1, region.addr + 125)],
    ['the key of before the binding', (): void => write(window)],
    ["the region's own key", (): void => write(region.rkey)],
  ])('refuse %s', (_, act) => {
    bind();
    qb.sendCq.drain();
    act();
    expect(status(qa)).toEqual([abi.VB_WC_REM_ACCESS_ERR]);
    expect(b.bytes.subarray(region.addr, region.addr + 256).every((byte) => byte === 0)).toBe(true);
  });

  it('are of no use to the peer of another queue pair, nor as a local key', () => {
    bind();
    const [x, y] = [a.queuePair({ access: ALL }), b.queuePair({ access: ALL })];
    x.connect(y);
    y.connect(x);
    write(window + 1, region.addr + 64, x);
    expect(status(x)).toEqual([abi.VB_WC_REM_ACCESS_ERR]);
    qb.sendCq.drain();
    qb.send({ list: [{ addr: region.addr + 64, length: 4, lkey: window + 1 }] });
    expect(status(qb)).toEqual([abi.VB_WC_LOC_PROT_ERR]);
  });

  it('end with a local invalidation, and can be bound again under another key', () => {
    bind();
    qb.send({ opcode: abi.VB_WR_LOCAL_INV, imm: window + 1 });
    bind(window + 2);
    expect(status(qb)).toEqual([0, 0, 0]);
    write(window + 2);
    expect(status(qa)).toEqual([abi.VB_WC_SUCCESS]);
    write(window + 1);
    expect(status(qa)).toEqual([abi.VB_WC_REM_ACCESS_ERR]);
  });

  it('end with a message of the peer, whose completion names the key (SEND with invalidate)', () => {
    bind();
    const to = b.buffer(16);
    qb.receive([{ ...to, length: 16 }]);
    qa.send({ opcode: abi.VB_WR_SEND_INV, inline: Uint8Array.of(9), imm: window + 1 });
    expect(status(qa)).toEqual([abi.VB_WC_SUCCESS]);
    const [got] = qb.recvCq.drain();
    expect(got).toMatchObject({ status: 0, imm: window + 1, byte_len: 1, flags: abi.VB_CQE_F_INVALIDATED });
    expect(b.bytes[to.addr]).toBe(9);
    write(window + 1);
    expect(status(qa)).toEqual([abi.VB_WC_REM_ACCESS_ERR]);
  });

  it('are not invalidated by a key that is none, or a region’s: both ends fail', () => {
    qb.receive();
    qa.send({ opcode: abi.VB_WR_SEND_INV, imm: region.rkey });
    expect(status(qa)).toEqual([abi.VB_WC_REM_ACCESS_ERR]);
    expect([qa.state, qb.state]).toEqual([abi.VB_QPS_ERR, abi.VB_QPS_ERR]);
  });

  it.each([
    ['beyond the region', { length: 200 }],
    ['with rights that the region has not', { rights: abi.VB_ACCESS_LOCAL_WRITE }],
    ['under a key of another window', { key: 0x7fff_0001 }],
    ['of nothing', { length: 0 }],
  ] as { 0: string; 1: { key?: number; length?: number; rights?: number } }[] as [
    string,
    { key?: number; length?: number; rights?: number },
  ][])('are not bound %s', (_, { key = window + 1, length = 64, rights = RIGHTS }) => {
    bind(key, region.addr + 64, length, rights);
    expect(status(qb)).toEqual([abi.VB_WC_MW_BIND_ERR]);
    expect(qb.state).toBe(abi.VB_QPS_ERR);
  });

  it('keep their region: it is deregistered when no window shows it', () => {
    bind();
    const handle = abi.cmdHandle.encode({ handle: region.handle });
    expect(b.command(abi.VB_CMD_DEREG_MR, handle).status).toBe(abi.VB_EBUSY);
    expect(b.command(abi.VB_CMD_DEALLOC_MW, abi.cmdHandle.encode({ handle: window })).status).toBe(abi.VB_EINVAL);
    b.must(abi.VB_CMD_DEALLOC_MW, abi.cmdHandle.encode({ handle: window + 1 }));
    b.must(abi.VB_CMD_DEREG_MR, handle);
    write(window + 1);
    expect(status(qa)).toEqual([abi.VB_WC_REM_ACCESS_ERR]);
  });

  it('belong to their domain', () => {
    const thief = a.window();
    expect(a.command(abi.VB_CMD_DEALLOC_MW, abi.cmdHandle.encode({ handle: window })).status).toBe(thief === window ? 0 : abi.VB_EINVAL);
    qa.send({ opcode: abi.VB_WR_LOCAL_INV, imm: window + 7 });
    expect(status(qa)).toEqual([abi.VB_WC_MW_BIND_ERR]);
  });
});

describe('memory re-registration', () => {
  it('moves a region, changes its rights, gives it new keys, and leaves it alone when it refuses', () => {
    const [a, qa, b] = new HandHost(firmware).pair({ access: ALL });
    const region = b.buffer(64, abi.VB_ACCESS_LOCAL_WRITE);
    const other = b.alloc(128);
    const rereg = (values: Record<string, number | bigint>): { status: number; output: Uint8Array } =>
      b.command(abi.VB_CMD_REREG_MR, abi.reregMrIn.encode({ handle: region.handle, ...values }));
    expect(rereg({ flags: abi.VB_REREG_ACCESS, access: abi.VB_ACCESS_REMOTE_WRITE }).status).toBe(abi.VB_EINVAL);
    expect(rereg({ flags: abi.VB_REREG_TRANSLATION, addr: 1n << 40n, length: 8n }).status).toBe(abi.VB_EFAULT);
    expect(rereg({ flags: abi.VB_REREG_PD, pd: 77 }).status).toBe(abi.VB_EINVAL);
    const done = rereg({ flags: abi.VB_REREG_TRANSLATION | abi.VB_REREG_ACCESS, access: ALL, addr: BigInt(other), length: 128n });
    expect(done.status).toBe(0);
    const { rkey } = abi.regMrOut.decode(done.output);
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE, inline: Uint8Array.of(5), remote: other + 127, rkey });
    expect(qa.sendCq.drain()).toMatchObject([{ status: 0 }]);
    expect(b.bytes[other + 127]).toBe(5);
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE, inline: Uint8Array.of(5), remote: other, rkey: region.rkey });
    expect(qa.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_REM_ACCESS_ERR }]);
    expect(a.pendingEvents).toBe(0);
  });
});
