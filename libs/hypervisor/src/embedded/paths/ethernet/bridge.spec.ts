import { describe, expect, it } from 'vitest';
import { VB_DATA_BASE } from '@verbena/guest-abi';
import { ControlBlock } from '../../control-block.ts';
import { Bridge } from './bridge.ts';
import { destinationOf, longestFrame, softLid, sourceOf, writeFrameHeader } from './frame.ts';
import { NetworkPage, networkPageBytes, receiveSlots, sendSlots } from './network-page.ts';

const memory = (): WebAssembly.Memory => {
  const pages = VB_DATA_BASE / 65_536 + 1;
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
};

/** The rings of a guest, as the guest may write them. */
class Card {
  readonly shared = new SharedArrayBuffer(networkPageBytes);
  readonly page = new NetworkPage(this.shared);
  readonly lid: number;

  constructor(bridge: Bridge, connection: number, lid: number, pkey: number) {
    this.lid = lid;
    bridge.plug({ connection, page: this.shared, lid, pkey, guestMemory: memory(), control: new ControlBlock().shared });
  }

  send(to: number, length = 64, from = this.lid): void {
    const head = this.page.load('sendHead');
    const frame = this.page.sent(head);
    writeFrameHeader(this.page.view, frame, to, from);
    this.page.setLength(frame, length);
    this.page.store('sendHead', (head + 1) | 0);
  }

  /** Where the frames that have come are from. */
  take(): number[] {
    const senders: number[] = [];
    for (let tail = this.page.load('receiveTail'); tail !== this.page.load('receiveHead'); tail = (tail + 1) | 0) {
      senders.push(sourceOf(this.page.view, this.page.received(tail)));
      this.page.store('receiveTail', (tail + 1) | 0);
    }
    return senders;
  }
}

const settle = (bridge: Bridge): void => {
  for (let turns = 0; turns < 2 * sendSlots && bridge.turn(() => undefined); turns++);
};
const [first, second, third] = [softLid(3, 1), softLid(3, 2), softLid(3, 3)];

describe('the bridge of a host', () => {
  it('brings frames to the guest that they name, within a partition, and to no other', () => {
    const bridge = new Bridge();
    const [a, b, stranger] = [new Card(bridge, 1, first, 7), new Card(bridge, 2, second, 7), new Card(bridge, 3, third, 8)];
    a.send(second);
    a.send(third);
    stranger.send(first);
    settle(bridge);
    expect([a.take(), b.take(), stranger.take()]).toEqual([[], [first], []]);
  });

  it('loses what pretends to come from another guest, and what is no frame', () => {
    const bridge = new Bridge();
    const [a, b] = [new Card(bridge, 1, first, 7), new Card(bridge, 2, second, 7)];
    a.send(second, 64, third);
    for (const length of [0, 14, longestFrame + 1, 0xffff_ffff]) a.send(second, length);
    a.send(second, longestFrame);
    settle(bridge);
    expect(b.take()).toEqual([first]);
    expect(a.page.counted('framesDropped')).toBe(5);
  });

  it('loses what a full ring has no room for, and goes on when there is some', () => {
    const bridge = new Bridge();
    const [a, b] = [new Card(bridge, 1, first, 7), new Card(bridge, 2, second, 7)];
    for (let i = 0; i < 2 * receiveSlots; i += sendSlots) {
      for (let n = 0; n < sendSlots; n++) a.send(second);
      settle(bridge);
    }
    expect(b.take()).toHaveLength(receiveSlots);
    a.send(second);
    settle(bridge);
    expect(b.take()).toEqual([first]);
  });

  it('gives what goes to another host to the uplink, and takes from there only what can be from there', () => {
    const bridge = new Bridge();
    const a = new Card(bridge, 1, first, 7);
    const sent: number[][] = [];
    bridge.trunk = { send: (host, pkey, { length }) => void sent.push([host, pkey, length]) };
    a.send(softLid(4, 9), 80);
    settle(bridge);
    expect(sent).toEqual([[4, 7, 80]]);
    const frame = { bytes: new Uint8Array(2048), at: 0, length: 64, to: first, from: softLid(4, 9) };
    bridge.arrived(5, 7, frame);
    bridge.arrived(4, 8, frame);
    bridge.arrived(4, 7, { ...frame, length: longestFrame + 1 });
    bridge.arrived(4, 7, { ...frame, length: -4 });
    expect(a.take()).toEqual([]);
    bridge.arrived(4, 7, frame);
    expect(a.take()).toEqual([softLid(4, 9)]);
  });

  it('sends what a guest sent last when it is unplugged, and knows it no more', () => {
    const bridge = new Bridge();
    const [a, b] = [new Card(bridge, 1, first, 7), new Card(bridge, 2, second, 7)];
    for (let i = 0; i < sendSlots; i++) a.send(second);
    expect([bridge.unplug(1), bridge.unplug(1)]).toEqual([true, false]);
    expect(b.take()).toHaveLength(sendSlots);
    b.send(first);
    settle(bridge);
    expect(a.take()).toEqual([]);
  });
});

describe('a guest that writes nonsense into its rings', () => {
  it('hurts nobody: turns stay short, and its neighbours get nothing but whole frames that it may send', () => {
    let state = 20_260_601;
    const dice = (limit: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
    const bridge = new Bridge();
    const hostile = new Card(bridge, 1, first, 7);
    const [friend, stranger] = [new Card(bridge, 2, second, 7), new Card(bridge, 3, third, 8)];
    const words = new Int32Array(hostile.shared, 0, 32);
    const anything = (): number =>
      [0, 1, -1, 0x7fff_ffff, -0x8000_0000, dice(2 ** 32) | 0, hostile.page.load('sendHead') + dice(400)][dice(7)] ?? 0;
    for (let round = 0; round < 20_000; round++) {
      if (dice(3) === 0) words[dice(32)] = anything();
      const frame = hostile.page.sent(dice(sendSlots));
      writeFrameHeader(hostile.page.view, frame, [first, second, third, dice(65_536)][dice(4)] ?? 0, dice(4) === 0 ? dice(65_536) : first);
      hostile.page.setLength(frame, dice(3) === 0 ? anything() >>> 0 : dice(2 * longestFrame));
      bridge.turn(() => undefined);
      for (let tail = friend.page.load('receiveTail'); tail !== friend.page.load('receiveHead'); tail = (tail + 1) | 0) {
        const at = friend.page.received(tail);
        expect([sourceOf(friend.page.view, at), destinationOf(friend.page.view, at)]).toEqual([first, second]);
        expect(friend.page.lengthAt(at)).toBeLessThanOrEqual(longestFrame);
        friend.page.store('receiveTail', (tail + 1) | 0);
      }
    }
    expect(friend.page.counted('framesReceived')).toBeGreaterThan(100);
    expect([stranger.page.counted('framesReceived'), stranger.take()]).toEqual([0, []]);
    friend.send(second);
    friend.send(third);
    settle(bridge);
    expect(friend.page.counted('framesSent')).toBe(2);
  });
});
