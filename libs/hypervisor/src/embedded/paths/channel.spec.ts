import { beforeAll, describe, expect, it } from 'vitest';
import { VB_DATA_BASE, VB_EVENT_PAGE_ADDR } from '@verbena/guest-abi';
import { loadFirmware, type FirmwareModules } from '@verbena/hca';

const pageBytes = 65_536;
const [mine, theirs] = [3, 5];
const entryBytes = 128;

type Call = (...args: number[]) => number;
interface Calls {
  readonly ring: Call;
  readonly buffers: Call;
  readonly grant: Call;
  readonly share: Call;
  readonly arm: Call;
  readonly post: Call;
  readonly write: Call;
  readonly read: Call;
}
interface Range {
  readonly at: number;
  readonly bytes: number;
}

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 150_000);

class Host {
  readonly segment = new WebAssembly.Memory({ initial: 128, maximum: 128, shared: true });
  readonly guests = new Map([mine, theirs].map((slot) => [slot, this.memory()] as const));

  memory(): WebAssembly.Memory {
    const pages = VB_DATA_BASE / pageBytes + 4;
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  }

  bytes(slot: number): Uint8Array {
    const memory = this.guests.get(slot);
    if (memory === undefined) throw new Error(`nobody is in slot ${String(slot)}`);
    return new Uint8Array(memory.buffer);
  }

  /** What the guest in one slot can call to reach the one in another. */
  window(own: number, peer: number): Calls {
    const imports = {
      own: { memory: this.guests.get(own), slot: own },
      peer: { memory: this.guests.get(peer), slot: peer },
      segment: { memory: this.segment },
    } as unknown as WebAssembly.Imports;
    return new WebAssembly.Instance(firmware.channel, imports).exports as unknown as Calls;
  }
}

/** What a call answers; undefined when it trapped, which ends whoever called. */
function attempt(call: () => number): number | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) return undefined;
    throw error;
  }
}

describe('a channel between two guests of a host', () => {
  it.each([20_261_121, 7, 1234])('writes nothing that was not given, whatever a sender asks for (seed %i)', (seed) => {
    let state = seed;
    const dice = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const host = new Host();
    const [hostile, own] = [host.window(mine, theirs), host.window(theirs, theirs)];
    const memory = host.bytes(theirs);
    host.bytes(mine).fill(0xaa);
    const data = VB_DATA_BASE;
    const ring = { at: data, bytes: 64 * entryBytes };
    const buffers = { at: data + 0x8000, bytes: 0x4000 };
    const place = (i: number): number => data + 0x10000 + i * 0x2000;
    expect([own.ring(mine, ring.at, 64), own.buffers(mine, buffers.at, buffers.bytes)]).toEqual([0, 0]);
    const grants = new Map<number, Range & { readonly to: number }>();
    const event = { at: VB_EVENT_PAGE_ADDR, bytes: 16 };
    const before = memory.slice();
    const anything = (): number =>
      [0, 1, -1, dice(200), dice(0x8000), 0x7fff_ffff, -0x8000_0000, dice(2 ** 32) | 0, data + dice(0x20000)][dice(9)] ?? 0;
    const counts = { written: 0, refused: 0, trapped: 0 };
    const foreign = (): boolean => {
      const open = [ring, buffers, event, ...[...grants.values()].filter(({ to }) => to === mine)].sort((a, b) => a.at - b.at);
      let from = 0;
      for (const { at, bytes } of [...open, { at: memory.length, bytes: 0 }]) {
        if (Buffer.compare(memory.subarray(from, at), before.subarray(from, at)) !== 0) return true;
        from = Math.max(from, at + bytes);
      }
      return false;
    };
    for (let round = 0; round < 20_000; round++) {
      if (round % 250 === 0) {
        expect(foreign()).toBe(false);
        // What was written so far was allowed; the receiver takes back some grants and gives others.
        before.set(memory);
        const number = dice(8);
        const grant = { at: place(number), bytes: dice(3) === 0 ? 0 : 1 + dice(0x1800), to: dice(4) === 0 ? 9 : mine };
        expect(own.grant(number, grant.to, grant.at, grant.bytes)).toBe(0);
        if (grant.bytes === 0) grants.delete(number);
        else grants.set(number, grant);
        own.arm();
      }
      const calls = [
        () => hostile.post(dice(4) === 0 ? anything() : data, dice(4) === 0 ? anything() : data, anything(), anything()),
        () => hostile.post(data, data, dice(400), dice(0x4100)),
        () => hostile.write(dice(12), dice(3) === 0 ? anything() : dice(0x1900), data, dice(3) === 0 ? anything() : dice(0x1900)),
        () => hostile.write(anything(), anything(), anything(), anything()),
        () => hostile.ring(anything(), anything(), anything()),
        () => hostile.buffers(anything(), anything(), anything()),
        () => hostile.read(dice(12), dice(3) === 0 ? anything() : dice(0x1900), anything(), dice(0x1900)),
        () => hostile.read(anything(), anything(), anything(), anything()),
        () => hostile.grant(anything(), anything(), anything(), anything()),
      ];
      const answer = attempt(calls[dice(calls.length)] ?? (() => 0));
      counts[answer === undefined ? 'trapped' : answer === 0 ? 'written' : 'refused']++;
    }
    expect(foreign()).toBe(false);
    expect(Math.min(counts.written, counts.refused)).toBeGreaterThan(1000);
  });

  it('ends with the grant: what was taken back cannot be written', () => {
    const host = new Host();
    const [sender, receiver] = [host.window(mine, theirs), host.window(theirs, theirs)];
    expect(receiver.grant(0, mine, VB_DATA_BASE, 64)).toBe(0);
    expect([sender.write(0, 0, VB_DATA_BASE, 64), sender.write(0, 1, VB_DATA_BASE, 64)]).toEqual([0, -14]);
    expect(receiver.grant(0, mine, VB_DATA_BASE, 0)).toBe(0);
    expect(sender.write(0, 0, VB_DATA_BASE, 64)).toBeLessThan(0);
    expect(receiver.grant(0, 9, VB_DATA_BASE, 64)).toBe(0);
    expect(sender.write(0, 0, VB_DATA_BASE, 64)).toBeLessThan(0);
    expect(sender.post(VB_DATA_BASE, VB_DATA_BASE, 8, 0)).toBeLessThan(0);
  });

  it('keeps the messages of each sender in a ring of its own, in their order, and a short one on a single cache line', () => {
    const other = 9;
    const host = new Host();
    host.guests.set(other, host.memory());
    const own = host.window(theirs, theirs);
    const rings = new Map([mine, other].map((slot, i) => [slot, VB_DATA_BASE + i * 0x1000] as const));
    for (const [slot, at] of rings) expect(own.ring(slot, at, 4)).toBe(0);
    const received = new DataView(host.guests.get(theirs)!.buffer);
    for (let message = 1; message <= 6; message++) {
      for (const slot of [mine, other]) {
        // Header and payload, 32 bytes.
        host.bytes(slot).fill(16 * message + (slot === mine ? 0 : 1), VB_DATA_BASE, VB_DATA_BASE + 32);
        expect(host.window(slot, theirs).post(VB_DATA_BASE, VB_DATA_BASE + 24, 8, 0)).toBe(0);
      }
      for (const [slot, at] of rings) {
        const entry = at + ((message - 1) % 4) * entryBytes;
        expect([received.getUint32(entry, true), received.getUint32(entry + 4, true), received.getInt32(entry + 8, true)]).toEqual([
          message,
          8,
          -1,
        ]);
        expect(new Set(host.bytes(theirs).subarray(entry + 16, entry + 48))).toEqual(new Set([16 * message + (slot === mine ? 0 : 1)]));
      }
    }
    // A ring that is made anew begins anew, and only that one.
    expect(own.ring(mine, rings.get(mine)!, 4)).toBe(0);
    for (const slot of [mine, other]) expect(host.window(slot, theirs).post(VB_DATA_BASE, VB_DATA_BASE, 8, 0)).toBe(0);
    expect([...rings].map(([slot, at]) => received.getUint32(at + (slot === mine ? 0 : 2) * entryBytes, true))).toEqual([1, 7]);
  });

  it('wakes a receiver that has armed, once', () => {
    const host = new Host();
    const [sender, receiver] = [host.window(mine, theirs), host.window(theirs, theirs)];
    const wakeups = (): number => new DataView(host.guests.get(theirs)!.buffer).getUint32(VB_EVENT_PAGE_ADDR + 8, true);
    expect(receiver.ring(mine, VB_DATA_BASE, 4)).toBe(0);
    const send = (): void => void sender.post(VB_DATA_BASE, VB_DATA_BASE, 8, 0);
    send();
    expect(wakeups()).toBe(0);
    receiver.arm();
    send();
    send();
    expect(wakeups()).toBe(1);
  });

  it('reads what is shared, and neither what was granted for writing alone, nor beyond it, nor for another', () => {
    const host = new Host();
    const [reader, owner] = [host.window(mine, theirs), host.window(theirs, theirs)];
    host.bytes(theirs).fill(0x5a, VB_DATA_BASE, VB_DATA_BASE + 64);
    const read = (offset: number): number => reader.read(0, offset, VB_DATA_BASE, 32);
    const got = (): number => host.bytes(mine)[VB_DATA_BASE + 31] ?? -1;
    for (const [grant, slot] of [
      [owner.grant, mine],
      [owner.share, 9],
    ] as const) {
      expect(grant(0, slot, VB_DATA_BASE, 64)).toBe(0);
      expect([read(0) < 0, got()]).toEqual([true, 0]);
    }
    expect(owner.share(0, mine, VB_DATA_BASE, 64)).toBe(0);
    expect([read(33), got()]).toEqual([-14, 0]);
    expect([read(32), got()]).toEqual([0, 0x5a]);
    expect([reader.write(0, 0, VB_DATA_BASE, 64), owner.grant(0, 0, 0, 0)]).toEqual([0, 0]);
    expect(read(0)).toBe(-1);
  });
});
