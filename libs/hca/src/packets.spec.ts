/** Packets and their sequence numbers (InfiniBand vol. 1, section 9.7.2): of any length, from any number on, by memory and over a link. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { HandHost, TRANSPORTS, pairOverWire, type HandGuest, type HandQp, type QpOptions } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

const PSN = 0xff_ffff;
const SUCCESS = abi.VB_WC_SUCCESS;
const REMOTE = abi.VB_ACCESS_LOCAL_WRITE | abi.VB_ACCESS_REMOTE_WRITE | abi.VB_ACCESS_REMOTE_READ;
const byteOf = (message: number, i: number): number => (message * 41 + i * 7 + (i >> 8)) & 0xff;

const psns = (qp: HandQp): { sq: number; rq: number } => {
  const output = qp.guest.must(abi.VB_CMD_QUERY_QP_ATTR, abi.cmdHandle.encode({ handle: qp.qpn }));
  const { sq_psn: sq, rq_psn: rq } = abi.queryQpAttrOut.decode(output);
  return { sq, rq };
};
const sequence = (qp: HandQp): ReturnType<typeof abi.sequenceCounters.decode> =>
  abi.sequenceCounters.decode(
    qp.guest.must(
      abi.VB_CMD_QUERY_COUNTERS,
      abi.countersIn.encode({ kind: abi.VB_COUNTERS_QP | abi.VB_COUNTERS_SEQUENCE, number: qp.qpn }),
    ),
  );
const packetsOf = (bytes: number, mtu: number): number => Math.max(1, Math.ceil(bytes / (128 << mtu)));

interface Ends {
  readonly a: HandGuest;
  readonly qa: HandQp;
  readonly b: HandGuest;
  readonly qb: HandQp;
}

function connectedWith(transport: (typeof TRANSPORTS)[number], one: QpOptions, two: QpOptions): Ends {
  const host = new HandHost(firmware, transport);
  const [a, b] = [host.guest(1, 512), host.guest(1, 512)];
  const [qa, qb] = [a.queuePair({ access: REMOTE, ...one }), b.queuePair({ access: REMOTE, ...two })];
  qa.connect(qb);
  qb.connect(qa);
  return { a, qa, b, qb };
}

describe.each(TRANSPORTS)('packets by %s', (transport) => {
  it('of any mix of requests, path MTUs and first numbers arrive as sent, and count as many', () => {
    const request = fc.record({
      opcode: fc.constantFrom(abi.VB_WR_SEND, abi.VB_WR_SEND_IMM, abi.VB_WR_RDMA_WRITE, abi.VB_WR_RDMA_READ),
      bytes: fc.oneof(
        fc.integer({ min: 0, max: 600 }),
        fc.integer({ min: 0, max: 60_000 }),
        fc.constantFrom(256, 512, 1024, 2048, 4096, 8192),
      ),
    });
    const first = fc.oneof(fc.integer({ min: 0, max: PSN }), fc.integer({ min: PSN - 40, max: PSN }));
    const story = fc.record({
      mtu: fc.integer({ min: 1, max: 5 }),
      there: first,
      back: first,
      requests: fc.array(request, { minLength: 1, maxLength: 12 }),
    });
    fc.assert(
      fc.property(story, ({ mtu, there, back, requests }) => {
        const { a, qa, b, qb } = connectedWith(transport, { mtu, sqPsn: there, rqPsn: back }, { mtu, sqPsn: back, rqPsn: there });
        const [from, to] = [a.buffer(1_000_000, REMOTE), b.buffer(1_000_000, REMOTE)];
        let at = 0;
        requests.forEach(({ opcode, bytes }, message) => {
          const read = opcode === abi.VB_WR_RDMA_READ;
          const [source, base] = read ? [b.bytes, to.addr + at] : [a.bytes, from.addr + at];
          for (let i = 0; i < bytes; i++) source[base + i] = byteOf(message, i);
          if (opcode <= abi.VB_WR_SEND_IMM) qb.receive([{ addr: to.addr + at, length: bytes, lkey: to.lkey }]);
          qa.send({
            opcode,
            imm: message,
            list: [{ addr: from.addr + at, length: bytes, lkey: from.lkey }],
            remote: to.addr + at,
            rkey: to.rkey,
          });
          at += bytes;
        });
        expect(qa.sendCq.drain().map(({ status }) => status)).toEqual(requests.map(() => SUCCESS));
        expect(Buffer.compare(a.bytes.subarray(from.addr, from.addr + at), b.bytes.subarray(to.addr, to.addr + at))).toBe(0);
        const packets = requests.reduce((sum, { bytes }) => sum + packetsOf(bytes, mtu), 0);
        expect(psns(qa)).toEqual({ sq: (there + packets) & PSN, rq: back });
        expect(psns(qb)).toEqual({ sq: back, rq: (there + packets) & PSN });
      }),
      { numRuns: 60, seed: 20_261_121 },
    );
  });

  it('whose first number the other end does not expect are never heard, and the request fails when its retries are used up', () => {
    for (const expected of [4, 0x70_0000, PSN - 3]) {
      const { a, qa, qb } = connectedWith(transport, { sqPsn: 5 }, { rqPsn: expected });
      a.host.tick(1000);
      qb.receive();
      qa.send({ wrId: 9n });
      expect(qa.sendCq.drain()).toEqual([]);
      for (let now = 2000; now < 30_000; now += 1001) a.host.tick(now);
      expect(qa.sendCq.drain()).toMatchObject([{ wr_id: 9n, status: abi.VB_WC_RETRY_EXC_ERR }]);
      expect(qb.recvCq.drain().filter(({ status }) => status === SUCCESS)).toEqual([]);
    }
  });
});

describe('packets over a link', () => {
  it('are no longer than the path MTU, and each has a header of its own', () => {
    const { a, qa, b, qb, link, host } = pairOverWire(firmware, { mtu: 2 });
    const [from, to] = [a.buffer(51_200), b.buffer(51_200)];
    const frames = (): number => Number(a.process.engine.status(link.numbers[0]).framesSent);
    const before = frames();
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE, list: [{ ...from, length: 51_200 }], remote: to.addr, rkey: to.rkey });
    host.settle();
    expect(frames() - before).toBeGreaterThanOrEqual(100);
    expect(frames() - before).toBeLessThan(110);
    expect(qb.state).toBe(abi.VB_QPS_RTS);
  });

  it('that are longer than the receiver takes are refused: both ends must have set the path MTU alike', () => {
    const { a, qa, b, qb } = connectedWith('wire', { mtu: 5 }, { mtu: 3 });
    const [from, to] = [a.buffer(8192), b.buffer(8192)];
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE, list: [{ ...from, length: 8192 }], remote: to.addr, rkey: to.rkey });
    expect(qa.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_REM_INV_REQ_ERR }]);
    expect(qb.state).toBe(abi.VB_QPS_ERR);
  });

  it('that come again after a connection broke are told from new ones and counted', () => {
    const { qa, qb, link, host } = pairOverWire(firmware, { sqPsn: PSN, rqPsn: PSN, flags: abi.VB_QP_SCATTER_TO_CQE });
    for (let i = 0; i < 4; i++) qb.receive();
    link.pipes[1].pace = () => 0; // Executed, and the acknowledgement is lost.
    qa.send({ inline: Uint8Array.of(1) });
    qa.send({ inline: Uint8Array.of(2) });
    link.cut();
    link.open();
    host.settle();
    expect(qb.recvCq.drain()).toHaveLength(2);
    expect(qa.sendCq.drain()).toMatchObject([{ status: SUCCESS }, { status: SUCCESS }]);
    expect(sequence(qb)).toMatchObject({ duplicate_request: 2n, out_of_sequence: 0n });
  });

  it('after one that is missing are asked for again from that one, and counted at both ends', () => {
    const { qa, qb, host } = pairOverWire(firmware, { flags: abi.VB_QP_SCATTER_TO_CQE });
    qb.receive();
    qb.receive();
    qa.send({ inline: Uint8Array.of(1) });
    // As if the packet behind it had been lost: the sender goes on with the one behind that.
    const row = qa.guest.process.adapter.memory.qp(qa.qpn);
    row.set({ tx_psn: row.get('tx_psn') + 1 });
    qa.send({ inline: Uint8Array.of(2) });
    host.settle();
    expect(qb.recvCq.drain().map(({ inline_data }) => inline_data[0])).toEqual([1, 2]);
    expect(sequence(qb).out_of_sequence).toBe(1n);
    expect(sequence(qa).packet_seq_err).toBe(1n);
  });

  it('of a receiver that is not ready are counted', () => {
    const { qa, qb } = pairOverWire(firmware, { flags: abi.VB_QP_SCATTER_TO_CQE });
    qa.send({ inline: Uint8Array.of(1) });
    qb.receive();
    expect(qb.recvCq.drain()).toHaveLength(1);
    expect(sequence(qa).rnr_nak_retry_err).toBe(1n);
  });

  it('that a guest changes while they are sent end its own connection at most', () => {
    const { a, qa, b, qb, link, host } = pairOverWire(firmware);
    const [from, to] = [a.buffer(2 << 20), b.buffer(2 << 20)];
    link.pipes[0].pace = () => 0;
    qa.send({ opcode: abi.VB_WR_RDMA_WRITE, list: [{ ...from, length: 2 << 20 }], remote: to.addr, rkey: to.rkey });
    const sent = a.process.adapter.memory.qp(qa.qpn).get('tx_offset');
    expect(sent).toBeGreaterThan(0);
    a.view.setUint32(qa.sq + abi.VB_SEND_WQE_HEADER + 8, sent, true);
    link.pipes[0].pace = () => Number.MAX_SAFE_INTEGER;
    host.settle();
    expect(link.status(1)).toMatchObject({ fault: 0 });
    const [one, two] = [a.queuePair(), b.queuePair()];
    one.connect(two);
    two.connect(one);
    two.receive();
    one.send({});
    expect(two.recvCq.drain()).toMatchObject([{ status: SUCCESS }]);
    expect([abi.VB_QPS_RTS, abi.VB_QPS_ERR]).toContain(qb.state);
  });
});

describe('a write of many megabytes over a link', () => {
  const big = 24 << 20;
  /** A link that moves 64 KiB at a time, so that what is on it can be seen. */
  function crowd(weights: readonly [number, number]) {
    const host = new HandHost(firmware, 'wire');
    const [first] = host.processes;
    if (first === undefined) throw new Error('a host has a process');
    const [a, c] = [host.guestIn(first, 1, 1024), host.guestIn(first, 1, 1024)];
    const b = host.guestIn(host.process(), 1, 2048);
    const pair = (guest: HandGuest, options: QpOptions = {}): [HandQp, HandQp] => {
      const [one, two] = [guest.queuePair(options), b.queuePair(options)];
      one.connect(two);
      two.connect(one);
      return [one, two];
    };
    first.adapter.setShare(a.peer.slot, { weight: weights[0] });
    first.adapter.setShare(c.peer.slot, { weight: weights[1] });
    const [link] = host.links;
    if (link === undefined) throw new Error('two processes have a link');
    return { host, a, b, c, pair, link };
  }
  const write = (qp: HandQp, from: { addr: number; lkey: number }, to: { addr: number; rkey: number }): void =>
    qp.prepare({ opcode: abi.VB_WR_RDMA_WRITE, list: [{ ...from, length: big }], remote: to.addr, rkey: to.rkey });

  it('does not hold up the small messages of another queue pair, nor of another domain', () => {
    const { a, b, c, pair, link, host } = crowd([1, 1]);
    const [bulk] = pair(a);
    const small = [pair(a, { flags: abi.VB_QP_SCATTER_TO_CQE }), pair(c, { flags: abi.VB_QP_SCATTER_TO_CQE })];
    for (const [, there] of small) there.receive();
    const [from, to] = [a.buffer(big), b.buffer(big)];
    link.pipes[0].pace = () => 0;
    write(bulk, from, to);
    bulk.ring();
    for (const [here] of small) here.send({ inline: Uint8Array.of(1) });
    let moved = 0;
    link.pipes[0].pace = () => (moved++ < 64 ? 65_536 : 0);
    host.settle();
    for (const [, there] of small) expect(there.recvCq.drain()).toHaveLength(1);
    expect(bulk.sendCq.drain()).toEqual([]);
    link.pipes[0].pace = () => Number.MAX_SAFE_INTEGER;
    host.settle();
    expect(bulk.sendCq.drain()).toMatchObject([{ status: SUCCESS }]);
  });

  it('shares the link with that of another domain by their weights', () => {
    const { a, b, c, pair, link, host } = crowd([1, 3]);
    const [one] = pair(a);
    const [two] = pair(c);
    const [from, other, to] = [a.buffer(big), c.buffer(big), b.buffer(big)];
    link.pipes[0].pace = () => 0;
    write(one, from, to);
    write(two, other, to);
    one.ring();
    two.ring();
    const move = (pieces: number): number[] => {
      let moved = 0;
      link.pipes[0].pace = () => (moved++ < pieces ? 65_536 : 0);
      host.settle();
      return [one, two].map((qp) => Number(qp.guest.process.adapter.memory.qp(qp.qpn).get('tx_bytes')));
    };
    // What was first alone has filled the ring.
    const before = move(100);
    const sent = move(400).map((bytes, i) => bytes - (before[i] ?? 0));
    const ratio = (sent[1] ?? 0) / (sent[0] ?? 1);
    expect(sent[0]).toBeGreaterThan(1 << 20);
    expect(ratio).toBeGreaterThan(2.85);
    expect(ratio).toBeLessThan(3.15);
    link.pipes[0].pace = () => Number.MAX_SAFE_INTEGER;
    host.settle();
    expect([...one.sendCq.drain(), ...two.sendCq.drain()]).toMatchObject([{ status: SUCCESS }, { status: SUCCESS }]);
  });
});
