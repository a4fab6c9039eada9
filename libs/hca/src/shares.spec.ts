/** Performance isolation (R37): who gets how much of a port under contention, in virtual bytes; no clock of the machine is looked at. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { HandHost, TRANSPORTS, type HandGuest, type HandQp } from './testing/hand-guest.ts';
import { diceOf } from './testing/fuzz-pair.ts';
import type { FirmwareModules } from './types.ts';

const TICK_MS = 10;
let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

/** A queue pair that always has something to send: RDMA WRITEs of sizes by the dice. */
class Source {
  readonly qp: HandQp;
  readonly #from: { addr: number; lkey: number };
  readonly #to: { addr: number; rkey: number };
  readonly #size: () => number;
  #outstanding = 0;

  constructor(guest: HandGuest, sink: HandGuest, size: () => number, sl = 0) {
    this.qp = guest.queuePair();
    const other = sink.queuePair();
    this.#from = guest.buffer(65_536);
    this.#to = sink.buffer(65_536);
    this.#size = size;
    this.qp.modify(abi.VB_QPS_INIT, { access: 3 });
    this.qp.modify(abi.VB_QPS_RTR, { dest_lid: sink.lid, dest_qpn: other.qpn, sl, attr_mask: abi.VB_ATTR_SL });
    this.qp.modify(abi.VB_QPS_RTS, { retry_count: 7, rnr_retry: 7 });
    other.connect(this.qp);
  }

  fill(): void {
    this.#outstanding -= this.qp.sendCq.drain().length;
    for (; this.#outstanding < 60; this.#outstanding++)
      this.qp.prepare({
        opcode: abi.VB_WR_RDMA_WRITE,
        list: [{ addr: this.#from.addr, length: this.#size(), lkey: this.#from.lkey }],
        remote: this.#to.addr,
        rkey: this.#to.rkey,
      });
    this.qp.ring();
  }

  get bytes(): number {
    const input = abi.countersIn.encode({ kind: abi.VB_COUNTERS_QP, number: this.qp.qpn });
    return 4 * Number(abi.counters.decode(this.qp.guest.must(abi.VB_CMD_QUERY_COUNTERS, input)).port_xmit_data);
  }
}

/** Several domains on one port, and a sink somewhere else. */
function onePort(transport: 'memory' | 'wire', domains: number): { host: HandHost; guests: HandGuest[]; sink: HandGuest } {
  const host = new HandHost(firmware, transport);
  const first = host.guest(1, 1024);
  const sink = host.guest(1, 1024);
  const guests = [first, ...Array.from({ length: domains - 1 }, () => host.guestAt(first))];
  return { host, guests, sink };
}

function run(host: HandHost, sources: readonly Source[], ticks: number): number[] {
  const before = sources.map((each) => each.bytes);
  for (let i = 1; i <= ticks; i++) {
    for (const each of sources) each.fill();
    host.tick(i * TICK_MS);
  }
  return sources.map((each, i) => each.bytes - (before[i] ?? 0));
}

function expectShares(bytes: readonly number[], weights: readonly number[]): void {
  const [sum, all] = [bytes.reduce((a, b) => a + b, 0), weights.reduce((a, b) => a + b, 0)];
  bytes.forEach((each, i) => {
    const wanted = (weights[i] ?? 0) / all;
    expect(Math.abs(each / sum - wanted) / wanted).toBeLessThan(0.05);
  });
}

describe.each(TRANSPORTS)('a port with a rate (%s)', (transport) => {
  it('is shared by the weights of the domains, whatever the sizes of their messages', () => {
    const weights = [1, 2, 5];
    const { host, guests, sink } = onePort(transport, 3);
    const dice = diceOf(7);
    const sizes = [(): number => 8192, (): number => 2048 + dice(2048), (): number => 1 + dice(16_384)];
    guests.forEach((guest, i) => guest.process.adapter.setShare(guest.peer.slot, { weight: weights[i] ?? 1 }));
    guests[0]?.process.adapter.setPort(guests[0].lid, { rate: 10_000 });
    const sources = guests.map((guest, i) => new Source(guest, sink, sizes[i] ?? ((): number => 64)));
    const bytes = run(host, sources, 200);
    expectShares(bytes, weights);
    const sum = bytes.reduce((a, b) => a + b, 0);
    expect(sum).toBeLessThanOrEqual(10_000 * TICK_MS * 202);
    expect(sum).toBeGreaterThan(10_000 * TICK_MS * 180);
  });

  it('gives a domain that is alone all of it, and one that comes its share at once', () => {
    const { host, guests, sink } = onePort(transport, 2);
    const [a, b] = guests;
    if (a === undefined || b === undefined) throw new Error('there are two');
    a.process.adapter.setPort(a.lid, { rate: 4000 });
    const [x, y] = [new Source(a, sink, () => 4000), new Source(b, sink, () => 4000)];
    const [alone = 0] = run(host, [x], 50);
    expect(alone).toBeGreaterThan(4000 * TICK_MS * 45);
    let now = 50 * TICK_MS;
    const before = [x.bytes, y.bytes];
    for (let i = 0; i < 100; i++) {
      for (const each of [x, y]) each.fill();
      host.tick((now += TICK_MS));
    }
    expectShares([x.bytes - (before[0] ?? 0), y.bytes - (before[1] ?? 0)], [1, 1]);
  });

  it('serves the queue pairs of a domain by the weights of their virtual lanes', () => {
    const { host, guests, sink } = onePort(transport, 1);
    const [a] = guests;
    if (a === undefined) throw new Error('there is one');
    const laneOf = Array.from({ length: 16 }, (_, sl) => (sl === 5 ? 1 : 0));
    a.process.adapter.setPort(a.lid, { rate: 8000, laneOf, laneWeights: [1, 3, 1, 1, 1, 1, 1, 1] });
    const sources = [new Source(a, sink, () => 3000), new Source(a, sink, () => 1000, 5)];
    expectShares(run(host, sources, 200), [1, 3]);
  });

  it('lets no domain have more than its own limit, and gives the rest to the others', () => {
    const { host, guests, sink } = onePort(transport, 2);
    const [a, b] = guests;
    if (a === undefined || b === undefined) throw new Error('there are two');
    a.process.adapter.setPort(a.lid, { rate: 10_000 });
    a.process.adapter.setShare(a.peer.slot, { weight: 5, rate: 1000 });
    const bytes = run(
      host,
      [a, b].map((guest) => new Source(guest, sink, () => 5000)),
      200,
    );
    expectShares(bytes, [1, 9]);
  });
});

describe('without a limit', () => {
  it('nobody is asked whose turn it is: requests are carried out by their doorbell', () => {
    const [a, qa, , qb] = new HandHost(firmware).pair();
    const { adapter } = a.process;
    const slow = (): number => adapter.memory.qp(qa.qpn).load('slow');
    expect(slow()).toBe(0);
    adapter.setShare(a.peer.slot, { rate: 100 });
    expect(slow()).not.toBe(0);
    adapter.setShare(a.peer.slot, { rate: 0, weight: 9 });
    expect([slow(), adapter.memory.header.get('shaped')]).toEqual([0, 0]);
    qb.receive();
    qa.send({});
    expect(qb.recvCq.drain()).toHaveLength(1);
    expect(() => adapter.setShare(a.peer.slot, { weight: 0 })).toThrow(RangeError);
  });

  it('a killed guest leaves no turn taken', () => {
    const [a, qa, b] = new HandHost(firmware).pair();
    const { adapter } = a.process;
    adapter.setShare(a.peer.slot, { rate: 1 });
    const port = adapter.memory.port(0);
    port.publish('lock', (a.thread + 1) << 1);
    adapter.recoverThreads(a.peer, [a.thread]);
    expect(port.load('lock')).toBe(0);
    expect([qa.state, b.pendingEvents]).toEqual([abi.VB_QPS_RTS, 0]);
  });
});
