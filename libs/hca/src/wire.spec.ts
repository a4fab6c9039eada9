/** What only happens between processes: streams that arrive in pieces, connections that break, peers that are gone. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { HandHost, pairOverWire, type HandGuest, type HandQp } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

const INLINE = { flags: abi.VB_QP_SCATTER_TO_CQE };
const SUCCESS = abi.VB_WC_SUCCESS;

const byteOf = (message: number, i: number): number => (message * 37 + i * 11 + (i >> 8)) & 0xff;

describe('a link', () => {
  it('carries messages longer than its ring, in both directions at once, with bounded memory', () => {
    const { a, qa, b, qb } = pairOverWire(firmware);
    const bytes = 5_000_000;
    const boxes = [a, b].map((guest) => ({ out: guest.buffer(bytes), in: guest.buffer(bytes) }));
    const [mine, theirs] = boxes;
    if (mine === undefined || theirs === undefined) throw new Error('two guests have two boxes');
    for (let i = 0; i < bytes; i++) [a.bytes[mine.out.addr + i], b.bytes[theirs.out.addr + i]] = [byteOf(1, i), byteOf(2, i)];
    qa.receive([{ ...mine.in, length: bytes }]);
    qb.receive([{ ...theirs.in, length: bytes }]);
    qa.prepare({ list: [{ ...mine.out, length: bytes }] });
    qb.prepare({ list: [{ ...theirs.out, length: bytes }] });
    qa.ring();
    qb.ring();
    for (const [from, at, to, there] of [
      [a, mine.out, b, theirs.in],
      [b, theirs.out, a, mine.in],
    ] as const) {
      expect(Buffer.compare(from.bytes.subarray(at.addr, at.addr + bytes), to.bytes.subarray(there.addr, there.addr + bytes))).toBe(0);
    }
    for (const qp of [qa, qb]) {
      expect(qp.sendCq.drain()).toMatchObject([{ status: SUCCESS, byte_len: bytes }]);
      expect(qp.recvCq.drain()).toMatchObject([{ status: SUCCESS, byte_len: bytes }]);
    }
  });

  it('completes a request only when the other end has executed it', () => {
    const { qa, qb, link, host } = pairOverWire(firmware, INLINE);
    qb.receive();
    link.pipes[1].pace = () => 0;
    qa.send({ inline: Uint8Array.of(1) });
    expect(qb.recvCq.drain()).toHaveLength(1);
    expect(qa.sendCq.drain()).toEqual([]);
    link.pipes[1].pace = () => Number.MAX_SAFE_INTEGER;
    host.settle();
    expect(qa.sendCq.drain()).toMatchObject([{ status: SUCCESS }]);
  });

  it('stops at the credit that the other end gave, and goes on when it gives more', () => {
    const { a, qa, b, qb, link, host } = pairOverWire(firmware);
    const bytes = 4 << 20;
    const [from, to] = [a.buffer(bytes), b.buffer(bytes)];
    link.pipes[1].pace = () => 0; // No word from the other end.
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE, list: [{ ...from, length: bytes }], remote: to.addr, rkey: to.rkey });
    const sent = Number(a.process.engine.status(link.numbers[0]).bytesSent);
    expect(sent).toBeGreaterThan(512 * 1024);
    expect(sent).toBeLessThanOrEqual(800 * 1024);
    link.pipes[1].pace = () => Number.MAX_SAFE_INTEGER;
    host.settle();
    expect(qa.sendCq.drain()).toMatchObject([{ status: SUCCESS }]);
    expect(qb.state).toBe(abi.VB_QPS_RTS);
  });

  it('that is stuck does not hold up another', () => {
    const host = new HandHost(firmware, 'wire');
    const [a, b, c] = [host.guest(), host.guest(), host.guest()];
    const connect = (left: HandGuest, right: HandGuest): [HandQp, HandQp] => {
      const [one, two] = [left.queuePair(INLINE), right.queuePair(INLINE)];
      one.connect(two);
      two.connect(one);
      return [one, two];
    };
    const [ab] = connect(a, b);
    const [ac, ca] = connect(a, c);
    const stuck = host.links.find(({ ends }) => ends.includes(a.process) && ends.includes(b.process));
    for (const pipe of stuck?.pipes ?? []) pipe.pace = () => 0;
    const big = a.buffer(4 << 20);
    ab.send({ list: [{ ...big, length: 4 << 20 }] });
    ca.receive();
    ac.send({ inline: Uint8Array.of(7) });
    expect(ca.recvCq.drain()).toMatchObject([{ status: SUCCESS, byte_len: 1 }]);
    expect(ac.sendCq.drain()).toMatchObject([{ status: SUCCESS }]);
  });
});

describe('a connection that breaks', () => {
  it('is continued by the next one: nothing is lost, nothing comes twice', () => {
    const { qa, qb, link, host } = pairOverWire(firmware, INLINE);
    for (let i = 0; i < 8; i++) qb.receive();
    qa.send({ inline: Uint8Array.of(0) });
    link.pipes[1].pace = () => 0; // Executed, and the acknowledgement is lost.
    qa.send({ inline: Uint8Array.of(1) });
    link.pipes[0].pace = () => 0; // Never arrives.
    qa.send({ inline: Uint8Array.of(2) });
    link.cut();
    qa.send({ inline: Uint8Array.of(3) });
    link.open();
    host.settle();
    expect(qb.recvCq.drain().map(({ inline_data }) => inline_data[0])).toEqual([0, 1, 2, 3]);
    expect(qa.sendCq.drain().map(({ status }) => status)).toEqual([0, 0, 0, 0]);
  });

  it('fails the requests that wait for longer than their retries allow, and then idle queue pairs, too', () => {
    const { qa, qb, link, host } = pairOverWire(firmware, { ...INLINE, rnrRetry: 7 });
    host.tick(1000);
    qb.receive([], 5n);
    link.cut();
    qa.send({ wrId: 3n, inline: Uint8Array.of(1) });
    host.tick(9000);
    expect(qa.sendCq.drain()).toEqual([]);
    host.tick(9001);
    expect(qa.sendCq.drain()).toMatchObject([{ wr_id: 3n, status: abi.VB_WC_RETRY_EXC_ERR }]);
    expect(qb.recvCq.drain()).toMatchObject([{ wr_id: 5n, status: abi.VB_WC_WR_FLUSH_ERR }]);
    expect([qa.state, qb.state]).toEqual([abi.VB_QPS_ERR, abi.VB_QPS_ERR]);
  });

  it('to a process that was replaced fails its queue pairs at once', () => {
    const { a, qa, link } = pairOverWire(firmware, INLINE);
    qa.receive([], 1n);
    link.cut();
    a.process.engine.lose(link.numbers[0]);
    expect(qa.recvCq.drain()).toMatchObject([{ wr_id: 1n, status: abi.VB_WC_WR_FLUSH_ERR }]);
  });

  it('at any byte, any number of times, delivers every message once and in order', () => {
    const story = fc.record({
      lengths: fc.array(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 200_000 })), { minLength: 1, maxLength: 12 }),
      paces: fc.array(fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 100_000 })), { minLength: 20, maxLength: 60 }),
      cuts: fc.array(fc.nat(40), { maxLength: 4 }),
      receives: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 12 }),
    });
    fc.assert(
      fc.property(story, ({ lengths, paces, cuts, receives }) => {
        const { a, qa, b, qb, link, host } = pairOverWire(firmware, { ...INLINE, rnrRetry: 7 });
        const [from, to] = [a.buffer(2_500_000), b.buffer(2_500_000)];
        let turn = 0;
        let posted = 0;
        let at = 0;
        let blocked = 0;
        const places = lengths.map((length) => (at += length) - length);
        const pace = (): number => (blocked > 40 ? Number.MAX_SAFE_INTEGER : (blocked++, paces[turn++ % paces.length] ?? 0));
        const slow = (): void => link.pipes.forEach((pipe) => (pipe.pace = pace));
        const post = (count: number): void => {
          for (; count > 0 && posted < lengths.length; count--, posted++)
            qb.receive([{ addr: to.addr + (places[posted] ?? 0), length: lengths[posted] ?? 0, lkey: to.lkey }], BigInt(posted));
        };
        slow();
        lengths.forEach((length, message) => {
          const base = from.addr + (places[message] ?? 0);
          for (let i = 0; i < length; i++) a.bytes[base + i] = byteOf(message, i);
          qa.send({ opcode: abi.VB_WR_SEND_IMM, imm: message, list: [{ addr: base, length, lkey: from.lkey }] });
          post(receives[message % receives.length] ?? 1);
          if (cuts.includes(message)) {
            link.cut();
            link.open();
            blocked = 0;
            slow();
            host.settle();
          }
        });
        post(lengths.length);
        blocked = Number.MAX_SAFE_INTEGER;
        host.settle();
        host.settle();
        const entries = qb.recvCq.drain();
        expect(entries.map(({ imm, status, byte_len }) => [imm, status, byte_len])).toEqual(
          lengths.map((length, i) => [i, SUCCESS, length]),
        );
        lengths.forEach((length, message) => {
          const inline = entries[message]?.inline_data;
          const got = length <= 32 && inline !== undefined ? inline : b.bytes.subarray(to.addr + (places[message] ?? 0));
          for (let i = 0; i < length; i += 1 + (length >> 6)) expect(got[i]).toBe(byteOf(message, i));
        });
        expect(qa.sendCq.drain().map(({ status }) => status)).toEqual(lengths.map(() => SUCCESS));
      }),
      { numRuns: 40, seed: 20261121 },
    );
  }, 60_000);
});

describe('guests of one process beside others', () => {
  it('use memory between themselves, and the link to the rest', () => {
    const host = new HandHost(firmware, 'wire');
    const [first] = host.processes;
    if (first === undefined) throw new Error('a host has a process');
    const [a, b, c] = [host.guestIn(first), host.guestIn(first), host.guestIn(host.process())];
    const [ab, ba, ac, ca] = [a.queuePair(INLINE), b.queuePair(INLINE), a.queuePair(INLINE), c.queuePair(INLINE)];
    for (const [one, two] of [
      [ab, ba],
      [ac, ca],
    ] as const) {
      one.connect(two);
      two.connect(one);
      two.receive();
    }
    const frames = (): bigint => first.engine.status(0).framesSent;
    const before = frames();
    ab.send({ inline: Uint8Array.of(1) });
    expect(ba.recvCq.drain()).toHaveLength(1);
    expect(frames()).toBe(before);
    ac.send({ inline: Uint8Array.of(2) });
    expect(ca.recvCq.drain()).toHaveLength(1);
    expect(frames()).toBeGreaterThan(before);
  });
});
