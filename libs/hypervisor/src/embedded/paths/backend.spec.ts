import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  cmdHandle,
  createCqIn,
  VB_CMD_ALLOC_PD,
  VB_CMD_CREATE_CQ,
  VB_CMD_DESTROY_CQ,
  VB_DATA_BASE,
  VB_UAR_CQ_ARM,
} from '@verbena/guest-abi';
import { createSubnet, type FabricPort, type Subnet } from '@verbena/fabric';
import { Backend } from './backend.ts';
import { ShadowRings } from './shadow-rings.ts';
import { COMMAND_ANSWERED, COMMAND_ASKED, commandBytes, queueEntries, queueField, sharedPageBytes, SharedPage } from './shared-ring.ts';

const pages = VB_DATA_BASE / 65_536 + 1;
const limit = 64 * 1024 * 1024;
const seed = 20_261_121;

let subnet: Subnet;
let port: FabricPort;
beforeAll(async () => {
  subnet = await createSubnet();
  port = subnet.addPort({ nodeName: 'host-0' });
}, 150_000);
afterAll(() => subnet.close());

class DriverDomain {
  readonly memory = new WebAssembly.Memory({ initial: pages, maximum: limit / 65_536, shared: true });
  readonly rings = new ShadowRings(this.memory, limit);

  /** A guest of this driver domain: its half of the driver, and the page that both write. */
  serve(name: string, page = new SharedArrayBuffer(sharedPageBytes)) {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const queues = port.attachDomain({ vmId: `${name} at the driver domain`, memory: this.memory });
    const attachment = port.attachDomain({ vmId: name, memory });
    for (const each of [queues, attachment]) each.join(7);
    const own = queues.workerInit();
    const guest = { ...attachment.workerInit(), completions: { slot: own.slot, epoch: own.epoch, memory: this.memory } };
    const backend = new Backend({ connection: 1, page, guest, own }, this.rings);
    const leave = (): void => {
      backend.close();
      attachment.detach();
      queues.detach();
    };
    return { memory, page: new SharedPage(page), shared: page, backend, leave };
  }
}

/** Asks as a frontend does. */
function ask({ page, backend }: ReturnType<DriverDomain['serve']>, opcode: number, input: Uint8Array): { status: number; handle: number } {
  page.bytes.set(input);
  page.store('opcode', opcode);
  page.store('length', input.length);
  page.store('command', COMMAND_ASKED);
  backend.turn();
  expect(page.load('command')).toBe(COMMAND_ANSWERED);
  const status = page.load('status');
  return { status, handle: status === 0 && page.load('length') >= cmdHandle.size ? cmdHandle.decode(page.bytes.slice(0, 8)).handle : 0 };
}

const queueAt = (at: number, entries: number): Uint8Array => createCqIn.encode({ ring_addr: BigInt(at), entries });

describe("the driver domain's half of a split driver", () => {
  it('gives a guest no more of its memory than its share, and takes back what is destroyed', () => {
    const driver = new DriverDomain();
    const guest = driver.serve('vm-greedy');
    const made: number[] = [];
    for (let i = 0; i < queueEntries; i++) {
      const { status, handle } = ask(guest, VB_CMD_CREATE_CQ, queueAt(4096, 65_536));
      if (status === 0) made.push(handle);
    }
    // 4 MiB each, of 16.
    expect(made).toHaveLength(4);
    expect(ask(guest, VB_CMD_CREATE_CQ, queueAt(4096, 0)).status).toBeLessThan(0);
    for (const handle of made) expect(ask(guest, VB_CMD_DESTROY_CQ, cmdHandle.encode({ handle })).status).toBe(0);
    expect(ask(guest, VB_CMD_CREATE_CQ, queueAt(4096, 64)).status).toBe(0);
    guest.leave();
  });

  it('survives whatever its page says, serves others meanwhile, and writes nothing into a guest but its rings', () => {
    let state = seed;
    const dice = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const driver = new DriverDomain();
    const [hostile, friend] = [driver.serve('vm-hostile'), driver.serve('vm-friend')];
    const words = new Int32Array(hostile.shared);
    const anything = (): number => [0, 1, -1, 64, dice(256), 0x7fff_ffff, -0x8000_0000, dice(2 ** 32) | 0][dice(8)] ?? 0;
    const handles: number[] = [];
    const friendQueue = ask(friend, VB_CMD_CREATE_CQ, queueAt(4096, 64)).handle;
    for (let round = 0; round < 4000; round++) {
      for (let n = dice(6); n > 0; n--) words[dice(4) === 0 ? dice(16) : dice(words.length)] = anything();
      const at = hostile.page.queue(dice(queueEntries));
      if (dice(3) === 0) hostile.page.words[at + (Object.values(queueField)[dice(7)] ?? 0)] = anything();
      if (dice(4) === 0) {
        hostile.page.bytes.set(queueAt(4096 * (1 + dice(8)), 1 << dice(8)));
        hostile.page.store('opcode', [VB_CMD_CREATE_CQ, VB_CMD_DESTROY_CQ, VB_CMD_ALLOC_PD, dice(40)][dice(4)] ?? 0);
        hostile.page.store('length', [16, 8, 0, dice(2 * commandBytes), -1][dice(5)] ?? 0);
        hostile.page.store('command', COMMAND_ASKED);
      }
      hostile.backend.turn();
      hostile.backend.arm();
      if (hostile.page.load('command') === COMMAND_ANSWERED) handles.push(hostile.page.load('status'));
      friend.page.words[friend.page.request(friend.page.load('head'))] = VB_UAR_CQ_ARM;
      friend.page.words[friend.page.request(friend.page.load('head')) + 1] = friendQueue;
      friend.page.store('head', friend.page.load('head') + 1);
      friend.backend.turn();
      expect(friend.page.load('tail')).toBe(friend.page.load('head'));
    }
    expect(handles.some((status) => status === 0)).toBe(true);
    expect(new Uint8Array(friend.memory.buffer, 0, 4096).every((byte) => byte === 0)).toBe(true);
    expect(new Uint8Array(hostile.memory.buffer, 65_536, 65_536).every((byte) => byte === 0)).toBe(true);
    for (const each of [hostile, friend]) each.leave();
  });

  it('takes over after a crash what a page says only as far as that can be', () => {
    const driver = new DriverDomain();
    const before = driver.serve('vm-before');
    expect(ask(before, VB_CMD_CREATE_CQ, queueAt(4096, 64)).status).toBe(0);
    const { words } = before.page;
    const good = before.page.queue(0);
    const copy = (to: number, change: (at: number) => void): void => {
      words.copyWithin(before.page.queue(to), good, good + 8);
      words[before.page.queue(to) + queueField.cqn] = 1000 + to;
      change(before.page.queue(to));
    };
    copy(1, () => undefined);
    copy(2, (at) => (words[at + queueField.shadow] = 64));
    copy(3, (at) => (words[at + queueField.entries] = 3));
    copy(4, (at) => (words[at + queueField.entries] = 0x4000_0000));
    copy(5, (at) => (words[at + queueField.shadow] = limit - 64));
    const next = new ShadowRings(driver.memory, limit);
    const fresh = new DriverDomain();
    const taken: number[] = [];
    const { keep } = next;
    Object.defineProperty(fresh, 'rings', { value: next });
    next.keep = (at, bytes) => {
      const kept = keep.call(next, at, bytes);
      if (kept) taken.push(at);
      return kept;
    };
    const after = fresh.serve('vm-after', before.shared);
    after.backend.keepRings();
    expect(taken).toEqual([words[good + queueField.shadow]]);
    expect(() => after.backend.turn()).not.toThrow();
    for (const each of [after, before]) each.leave();
  });
});
