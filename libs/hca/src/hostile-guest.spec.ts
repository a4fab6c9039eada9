/**
 * Guests are hostile: random doorbells, work requests and commands, close enough to right ones to get far. Whatever they do, the firmware
 * never traps, no byte changes but in what they registered or made a ring of, no lock stays held, and a third party notices nothing.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { HandHost, type HandGuest, type HandQp } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

/** The only part of their memory in which hostile guests make rings and regions. */
const PLAYGROUND = 0x00a0_0000;
const PLAYGROUND_END = 0x00a8_0000;

const inside = fc.integer({ min: PLAYGROUND, max: PLAYGROUND_END - 0x8000 }).map((addr) => BigInt(addr & ~63));
const outside = fc.constantFrom(0x0100_0000n, 0xffff_ffc0n, 1n << 32n, (1n << 64n) - 64n);
const anyAddr = fc.oneof({ weight: 8, arbitrary: inside }, { weight: 1, arbitrary: outside });
const anyLength = fc.oneof(fc.integer({ min: 0, max: 0x4000 }), fc.constantFrom(0xffff_ffff, 0x8000_0000, 0x7fff_ffff));
const word = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.nat({ max: 0xffff_ffff }));
const power = fc.constantFrom(1, 2, 4, 8, 64, 3, 0, 1 << 20);
/** Which of the names learnt so far (numbers of queues, keys) to use. */
const pick = fc.nat({ max: 1000 });

const action = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('doorbell' as const), who: fc.nat({ max: 1 }), reg: fc.nat({ max: 5 }), name: pick, hi: word }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('garbage' as const),
      who: fc.nat({ max: 1 }),
      at: inside,
      bytes: fc.uint8Array({ minLength: 64, maxLength: 256 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('bytes' as const),
      who: fc.nat({ max: 1 }),
      opcode: fc.nat({ max: 31 }),
      input: fc.uint8Array({ maxLength: 64 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('region' as const),
      who: fc.nat({ max: 1 }),
      name: pick,
      access: fc.nat({ max: 7 }),
      addr: anyAddr,
      length: anyLength,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('resize' as const), who: fc.nat({ max: 1 }), name: pick, addr: anyAddr, entries: power }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('group' as const),
      who: fc.nat({ max: 1 }),
      opcode: fc.integer({ min: abi.VB_CMD_JOIN_MCAST, max: abi.VB_CMD_DETACH_MCAST }),
      gid: fc.nat({ max: 11 }),
      qkey: fc.nat({ max: 1 }),
      name: pick,
      mlid: pick,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cq' as const), who: fc.nat({ max: 1 }), addr: anyAddr, entries: power }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('qp' as const),
      who: fc.nat({ max: 1 }),
      names: fc.tuple(pick, pick, pick),
      addrs: fc.tuple(anyAddr, anyAddr),
      entries: fc.tuple(power, power),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('modify' as const),
      who: fc.nat({ max: 1 }),
      name: pick,
      dest: pick,
      state: fc.nat({ max: 7 }),
      mask: fc.nat({ max: 15 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('destroy' as const),
      who: fc.nat({ max: 1 }),
      opcode: fc.constantFrom(3, 5, 7, 11),
      name: pick,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      who: fc.nat({ max: 1 }),
      opcode: fc.nat({ max: 5 }),
      flags: fc.nat({ max: 15 }),
      sges: fc.nat({ max: 7 }),
      length: anyLength,
      addr: anyAddr,
      key: pick,
      remote: anyAddr,
      rkey: pick,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('receive' as const),
      who: fc.nat({ max: 1 }),
      sges: fc.nat({ max: 5 }),
      addr: anyAddr,
      length: anyLength,
      key: pick,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('revive' as const), who: fc.nat({ max: 1 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('decent' as const),
      who: fc.nat({ max: 1 }),
      write: fc.boolean(),
      at: inside,
      to: inside,
      length: fc.nat({ max: 0x7fff }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tick' as const), ms: fc.nat({ max: 5000 }) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

class Hostile {
  readonly guest: HandGuest;
  readonly qp: HandQp;
  readonly names: number[];
  /** The key of the whole playground, until it is destroyed. */
  readonly key: number;

  constructor(guest: HandGuest, qp: HandQp) {
    this.guest = guest;
    this.qp = qp;
    this.key = guest.register(PLAYGROUND, PLAYGROUND_END - PLAYGROUND).rkey;
    this.names = [this.key, guest.pd, qp.qpn, qp.sendCq.cqn, qp.recvCq.cqn, 0, 1];
  }

  name(which: number): number {
    return this.names[which % this.names.length] ?? 0;
  }

  /** Connects the queue pair again, as far as it is still there. */
  revive(other: Hostile): void {
    this.qp.modify(abi.VB_QPS_RESET);
    this.qp.sqTail = this.qp.rqTail = 0;
    this.qp.modify(abi.VB_QPS_INIT, { access: 3 });
    this.qp.modify(abi.VB_QPS_RTR, { dest_lid: other.guest.lid, dest_qpn: other.qp.qpn });
    this.qp.modify(abi.VB_QPS_RTS, { retry_count: 1, rnr_retry: 2 });
    for (const cq of [this.qp.sendCq, this.qp.recvCq]) cq.drain();
  }

  learn(result: { status: number; output: Uint8Array }): void {
    const { output } = result;
    for (let i = 0; i + 4 <= output.length && output.length <= 16; i += 4) this.names.push(new DataView(output.buffer).getUint32(i, true));
  }
}

const placing = [
  ...[abi.VB_CMD_REG_MR, abi.VB_CMD_REREG_MR, abi.VB_CMD_CREATE_CQ, abi.VB_CMD_RESIZE_CQ, abi.VB_CMD_CREATE_QP],
  abi.VB_CMD_CREATE_SRQ,
];

function doIt(action: Action, hostiles: readonly Hostile[], host: HandHost, clock: { now: number }): void {
  if (action.do === 'tick') return host.adapter.tick((clock.now += action.ms));
  const me = hostiles[action.who];
  const other = hostiles[1 - action.who];
  if (me === undefined || other === undefined) return;
  const { guest } = me;
  switch (action.do) {
    case 'revive':
      return [me, other].forEach((each, i) => each.revive(i === 0 ? other : me));
    case 'decent': {
      other.qp.receive([{ addr: action.to, length: action.length, lkey: other.key }]);
      const opcode = action.write ? abi.VB_WR_RDMA_WRITE_IMM : abi.VB_WR_SEND;
      return me.qp.send({ opcode, list: [{ addr: action.at, length: action.length, lkey: me.key }], remote: action.to, rkey: other.key });
    }
    case 'doorbell':
      return guest.uar(action.reg, me.name(action.name), action.hi);
    case 'garbage':
      return guest.bytes.set(action.bytes, Number(action.at));
    case 'bytes':
      // Rings and regions out of pure noise could lie anywhere, so those are left to the structured actions.
      if (placing.includes(action.opcode)) return;
      return me.learn(guest.command(action.opcode, action.input));
    case 'region': {
      const { access, addr } = action;
      return me.learn(
        guest.command(abi.VB_CMD_REG_MR, abi.regMrIn.encode({ pd: me.name(action.name), access, addr, length: BigInt(action.length) })),
      );
    }
    case 'resize': {
      const wish = { cqn: me.name(action.name), ring_addr: action.addr, entries: action.entries };
      return me.learn(guest.command(abi.VB_CMD_RESIZE_CQ, abi.resizeCqIn.encode(wish)));
    }
    case 'group': {
      const mgid = new Uint8Array(16).fill(action.gid).fill(0xff, 0, 1);
      const input =
        action.opcode <= abi.VB_CMD_LEAVE_MCAST
          ? abi.joinMcastIn.encode({ mgid, qkey: action.qkey, pkey_index: 0 })
          : abi.attachMcastIn.encode({ qpn: me.name(action.name), mlid: me.name(action.mlid), mgid });
      return me.learn(guest.command(action.opcode, input));
    }
    case 'cq':
      return me.learn(guest.command(abi.VB_CMD_CREATE_CQ, abi.createCqIn.encode({ ring_addr: action.addr, entries: action.entries })));
    case 'qp': {
      const [pd, send_cq, recv_cq] = [me.name(action.names[0]), me.name(action.names[1]), me.name(action.names[2])];
      const rings = { sq_addr: action.addrs[0], rq_addr: action.addrs[1], sq_entries: action.entries[0], rq_entries: action.entries[1] };
      return me.learn(
        guest.command(abi.VB_CMD_CREATE_QP, abi.createQpIn.encode({ pd, send_cq, recv_cq, ...rings, sq_stride: 64, rq_stride: 32 })),
      );
    }
    case 'modify': {
      const wish = { qpn: me.name(action.name), state: action.state, attr_mask: action.mask, access: 3, retry_count: 2, rnr_retry: 1 };
      return me.learn(
        guest.command(
          abi.VB_CMD_MODIFY_QP,
          abi.modifyQpIn.encode({ ...wish, dest_lid: other.guest.lid, dest_qpn: other.name(action.dest) }),
        ),
      );
    }
    case 'destroy':
      return me.learn(guest.command(action.opcode, abi.cmdHandle.encode({ handle: me.name(action.name) })));
    case 'send': {
      const piece = { addr: action.addr, length: action.length, lkey: me.name(action.key) };
      const { opcode, flags, remote, sges, length } = action;
      return me.qp.send({ opcode, flags, sges, list: [piece], inlineLength: length, remote, rkey: other.name(action.rkey) });
    }
    case 'receive':
      return me.qp.receive([{ addr: action.addr, length: action.length, lkey: me.name(action.key) }], 0n, action.sges);
  }
}

describe('hostile guests', () => {
  let firmware: FirmwareModules;
  beforeAll(async () => {
    firmware = await loadFirmware();
  }, 120_000);

  it('harm nobody but themselves, whatever they ring, write and command', () => {
    const canary = 0xa5;
    const pristine = Buffer.alloc(256 * 65536, canary);
    let delivered = 0;
    fc.assert(
      fc.property(fc.array(action, { minLength: 20, maxLength: 120 }), (actions) => {
        const host = new HandHost(firmware);
        const [a, qa, b, qb] = host.pair({ sqEntries: 8, rqEntries: 8, cqEntries: 16 });
        const hostiles = [new Hostile(a, qa), new Hostile(b, qb)];
        const [quiet, third] = [host.guest(2), host.guest(2)];
        const [qc, qd] = [quiet.queuePair(), third.queuePair()];
        qc.connect(qd);
        qd.connect(qc);
        const own = [qa, qb].map((qp) => [qp.sendCq.ring, qp.rq + 8 * 64] as const);
        [a, b].forEach((guest, i) => {
          const keep = guest.bytes.slice(...(own[i] ?? [0, 0]));
          guest.bytes.fill(canary, 0x0000_1000, abi.VB_BOOT_INFO_ADDR);
          guest.bytes.fill(canary, abi.VB_DATA_BASE, guest.bytes.length);
          guest.bytes.set(keep, own[i]?.[0] ?? 0);
        });
        const clock = { now: 0 };
        for (const each of actions) doIt(each, hostiles, host, clock);
        expect(host.adapter.heldLocks()).toBe(0);
        [a, b].forEach((guest, i) => {
          const [start, end] = own[i] ?? [0, 0];
          const untouched = (from: number, to: number): boolean =>
            Buffer.compare(guest.bytes.subarray(from, to), pristine.subarray(from, to)) === 0;
          expect(untouched(0x0000_1000, abi.VB_BOOT_INFO_ADDR)).toBe(true);
          expect(untouched(abi.VB_DATA_BASE, start) && untouched(end, PLAYGROUND) && untouched(PLAYGROUND_END, guest.bytes.length)).toBe(
            true,
          );
        });
        qd.receive();
        qc.send({});
        expect(qd.recvCq.drain()).toMatchObject([{ status: abi.VB_WC_SUCCESS }]);
        expect(quiet.wakeups + third.wakeups).toBe(0);
        delivered += host.adapter.counters(b.peer.slot, []).messagesReceived + host.adapter.counters(a.peer.slot, []).messagesReceived;
        for (const guest of host.guests) host.adapter.removeDomain(guest.peer);
      }),
      { numRuns: 60, seed: 20_261_121 },
    );
    expect(delivered).toBeGreaterThan(100);
  }, 120_000);
});
