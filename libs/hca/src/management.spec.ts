import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { FULL_MEMBER } from './partition-keys.ts';
import { HandHost, type HandGuest, type HandQp } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

describe('a root user in one VM', () => {
  let host: HandHost, a: HandGuest, qa: HandQp, b: HandGuest, qb: HandQp, root: HandGuest;
  beforeEach(() => {
    host = new HandHost(firmware);
    [a, qa, b, qb] = host.pair();
    root = host.guest(2);
  });

  /** Takes the victim's port down, and makes itself the subnet manager. */
  function attack(mKey = 0n): number {
    const data = new Uint8Array(64);
    const view = new DataView(data.buffer);
    view.setUint32(12, root.lid, true);
    view.setUint32(16, abi.VB_PORT_DOWN, true);
    const packet = { lid: b.lid, method: abi.VB_MAD_SET, attribute: abi.VB_MAD_PORT_INFO, m_key: mKey, data };
    const { status, output } = root.command(abi.VB_CMD_MAD, abi.mad.encode(packet));
    return status === 0 ? abi.mad.decode(output).status : status;
  }
  const delivers = (): boolean => {
    qb.receive();
    qa.send({});
    for (let ms = 0; ms < 20_000; ms += 500) host.adapter.tick(ms);
    return qa.sendCq.drain()[0]?.status === abi.VB_WC_SUCCESS;
  };
  const portOf = (guest: HandGuest): { state: number; sm_lid: number } => abi.portInfo.decode(guest.must(abi.VB_CMD_QUERY_PORT));

  it('controls the subnet of others when it is managed in band and ports have no key (R48)', () => {
    host.adapter.allowInBandManagement(true);
    const events = b.events();
    expect(attack()).toBe(0);
    expect(portOf(b)).toMatchObject({ state: abi.VB_PORT_DOWN, sm_lid: root.lid });
    expect(delivers()).toBe(false);
    expect(qa.state).toBe(abi.VB_QPS_ERR);
    expect(events.drain().map((each) => each.imm)).toContain(abi.VB_EVENT_PORT_ERR);
  });

  it('is not answered by a port with an M_Key, which counts the attempt', () => {
    host.adapter.allowInBandManagement(true);
    host.adapter.setPort(b.lid, { mKey: 0x1234_5678_9abc_def0n });
    expect(attack()).toBe(abi.VB_ENODEV);
    expect(attack(1n)).toBe(abi.VB_ENODEV);
    expect(host.adapter.memory.port(1).get('m_key_violations')).toBe(2);
    const packet = { lid: b.lid, method: abi.VB_MAD_GET, attribute: abi.VB_MAD_PORT_INFO };
    const seen = abi.mad.decode(root.must(abi.VB_CMD_MAD, abi.mad.encode(packet))).data;
    expect(seen.slice(0, 8).every((byte) => byte === 0)).toBe(true);
    expect(delivers()).toBe(true);
  });

  it('may send no management packet at all unless somebody has allowed it (R49)', () => {
    expect(attack()).toBe(abi.VB_EPERM);
    expect(portOf(b)).toMatchObject({ state: abi.VB_PORT_ACTIVE, sm_lid: 0 });
    expect(delivers()).toBe(true);
  });

  it.each([
    ['no such port', { lid: 99 }, abi.VB_ENODEV],
    ['no such method', { method: 9 }, abi.VB_EINVAL],
  ])('is told what it did wrong: %s', (_, wish, status) => {
    host.adapter.allowInBandManagement(true);
    const packet = { lid: b.lid, method: abi.VB_MAD_GET, attribute: abi.VB_MAD_NODE_INFO, ...wish };
    expect(root.command(abi.VB_CMD_MAD, abi.mad.encode(packet)).status).toBe(status);
    const bad = { lid: b.lid, method: abi.VB_MAD_SET, attribute: abi.VB_MAD_PKEY_TABLE, modifier: 0xffff_ffff };
    expect(abi.mad.decode(root.must(abi.VB_CMD_MAD, abi.mad.encode(bad))).status).not.toBe(0);
    expect(a.pendingEvents).toBe(0);
  });
});

describe('a port that is managed from outside', () => {
  it('goes down and comes back: what waits goes on, and both are told', () => {
    const host = new HandHost(firmware);
    const [, qa, b, qb] = host.pair();
    const events = b.events();
    host.adapter.setPort(b.lid, { state: abi.VB_PORT_DOWN });
    host.adapter.tick(0);
    qb.receive();
    qa.send({});
    host.adapter.tick(500);
    expect(qb.recvCq.drain()).toEqual([]);
    host.adapter.setPort(b.lid, { state: abi.VB_PORT_ACTIVE });
    host.adapter.tick(510);
    expect(qb.recvCq.drain()).toMatchObject([{ status: 0 }]);
    expect(qa.sendCq.drain()).toMatchObject([{ status: 0 }]);
    expect(events.drain().map((each) => each.imm)).toEqual([abi.VB_EVENT_PORT_ERR, abi.VB_EVENT_PORT_ACTIVE]);
  });
});

describe('limited members of a partition', () => {
  it('talk to full members and not to each other', () => {
    const host = new HandHost(firmware);
    const guests = [host.guest(3), host.guest(3), host.guest(3)];
    const [, one, two] = guests;
    for (const each of [one, two]) host.adapter.setPartition(each?.peer.slot ?? 0, 3, true);
    const join = (x: HandGuest | undefined, y: HandGuest | undefined): [HandQp, HandQp] => {
      if (x === undefined || y === undefined) throw new Error('there are three');
      const [p, q] = [x.queuePair(), y.queuePair()];
      p.connect(q);
      q.connect(p);
      return [p, q];
    };
    const [p, q] = join(guests[0], one);
    q.receive();
    p.send({});
    expect(p.sendCq.drain()).toMatchObject([{ status: 0 }]);
    expect(() => join(one, two)).toThrow('-22');
  });

  it('lose their connections when they become limited while they talk', () => {
    const host = new HandHost(firmware);
    const [a, qa, b, qb] = host.pair();
    qb.receive();
    qb.receive();
    qa.send({});
    host.adapter.setPkey(a.peer.slot, 0, 1);
    qa.send({});
    expect(qb.recvCq.drain()).toHaveLength(2);
    host.adapter.setPkey(b.peer.slot, 0, 1);
    qa.send({});
    expect(qa.sendCq.drain().map((each) => each.status)).toEqual([0, 0, abi.VB_WC_RETRY_EXC_ERR]);
    host.adapter.setPkey(b.peer.slot, 1, FULL_MEMBER | 2);
    expect(abi.cmdHandle.decode(b.must(abi.VB_CMD_QUERY_PKEY, abi.cmdHandle.encode({ handle: 1 }))).handle).toBe(FULL_MEMBER | 2);
  });
});
