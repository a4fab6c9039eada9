import { describe, expect, it } from 'vitest';
import { VB_DATA_BASE } from '@verbena/guest-abi';
import { ControlBlock } from '../../control-block.ts';
import { Vmm } from '../../vmm.ts';
import { Bridge } from './bridge.ts';
import { softLid } from './frame.ts';
import { NetFront } from './netfront.ts';
import { networkPageBytes } from './network-page.ts';
import { PeerStreams, type Peer } from './peer-streams.ts';

const memory = (): WebAssembly.Memory => {
  const pages = VB_DATA_BASE / 65_536 + 1;
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
};
const bridgeMemory = memory();
const [alice, bob] = [softLid(1, 1), softLid(1, 2)];

/** The system of a guest, as far as its streams go. */
class Station {
  readonly streams: PeerStreams;
  readonly peers: Peer[] = [];
  readonly #page = new SharedArrayBuffer(networkPageBytes);
  readonly #lid: number;

  constructor(lid: number, life: number, room = 64) {
    this.#lid = lid;
    const front = new NetFront(this.#page, bridgeMemory, new Vmm(memory(), new ControlBlock(), () => undefined));
    this.streams = new PeerStreams(front, lid, life, (peer) => this.peers.length < room && this.peers.push(peer) > 0);
  }

  plug(bridge: Bridge): this {
    const control = new ControlBlock().shared;
    bridge.plug({ connection: this.#lid, page: this.#page, lid: this.#lid, pkey: 1, guestMemory: memory(), control });
    return this;
  }

  say(to: number, text: string): void {
    this.streams.to(to)?.stream.write(Buffer.from(text));
  }

  turn(nowMs = 0): void {
    this.streams.receive(nowMs);
    this.streams.expire(nowMs);
    this.streams.transmit(nowMs);
    this.streams.acknowledge(true);
    this.streams.flush();
  }

  heard(from: number): string {
    const into = Buffer.alloc(1000);
    return into.toString('utf8', 0, this.streams.to(from)?.stream.read(into));
  }
}

const settle = (bridge: Bridge, stations: readonly Station[], nowMs = 0): void => {
  for (let turns = 0; turns < 20; turns++) {
    for (const each of stations) each.turn(nowMs);
    bridge.turn(() => undefined);
  }
};

describe('streams between guests', () => {
  it('bring what both say, and owe nothing afterwards', () => {
    const bridge = new Bridge();
    const [a, b] = [new Station(alice, 5).plug(bridge), new Station(bob, 6).plug(bridge)];
    a.say(bob, 'hello');
    b.say(alice, 'good day');
    settle(bridge, [a, b]);
    expect([a.heard(bob), b.heard(alice)]).toEqual(['good day', 'hello']);
    expect([a.streams.outstanding, b.streams.outstanding]).toEqual([false, false]);
  });

  it('say again what nobody was there to hear, as soon as the other one speaks and not after a time-out', () => {
    const bridge = new Bridge();
    const a = new Station(alice, 5).plug(bridge);
    a.say(bob, 'hello');
    settle(bridge, [a]);
    const b = new Station(bob, 6).plug(bridge);
    b.say(alice, 'good day');
    settle(bridge, [a, b]);
    expect([a.heard(bob), b.heard(alice)]).toEqual(['good day', 'hello']);
    expect(a.streams.outstanding).toBe(false);
  });

  it('end when the program of one has ended, and the other knows', () => {
    const bridge = new Bridge();
    const [a, b] = [new Station(alice, 5).plug(bridge), new Station(bob, 6).plug(bridge)];
    a.say(bob, 'farewell');
    settle(bridge, [a, b]);
    a.streams.leave();
    settle(bridge, [b]);
    expect([b.heard(alice), b.peers.map(({ left }) => left)]).toEqual(['farewell', [true]]);
    b.say(alice, 'wait');
    expect(b.streams.outstanding).toBe(false);
  });

  it('know a program from the one that was there before', () => {
    const bridge = new Bridge();
    const [a, b] = [new Station(alice, 5).plug(bridge), new Station(bob, 6).plug(bridge)];
    a.say(bob, 'first');
    settle(bridge, [a, b]);
    const other = new Station(alice, 7).plug(bridge);
    other.say(bob, 'second');
    settle(bridge, [other, b]);
    expect(b.heard(alice)).toBe('first');
    expect(other.streams.outstanding).toBe(true);
  });

  it('are not begun by strangers beyond the number that there is room for', () => {
    const bridge = new Bridge();
    const b = new Station(bob, 6, 1).plug(bridge);
    const others = [10, 11, 12].map((slot) => new Station(softLid(1, slot), slot).plug(bridge));
    for (const each of others) each.say(bob, 'me');
    settle(bridge, [...others, b]);
    expect(b.peers).toHaveLength(1);
  });
});
