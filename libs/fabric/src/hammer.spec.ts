import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSubnet, type Subnet } from './index.ts';
import { GuestThread, compileGuest } from './testing/guest-thread.ts';

const FIRST_SEED = 20_261_121;

describe('two guests on threads of their own', () => {
  let module: WebAssembly.Module;
  let subnet: Subnet;
  const threads: GuestThread[] = [];

  beforeAll(async () => {
    module = await compileGuest('./hammer.c');
  }, 120_000);
  beforeEach(async () => {
    subnet = await createSubnet();
  }, 120_000);
  afterEach(async () => {
    for (const thread of threads.splice(0)) await thread.close();
    subnet.close();
  });

  function start(pkey = 1): GuestThread {
    const thread = new GuestThread(subnet, module, pkey);
    threads.push(thread);
    return thread;
  }

  async function connect(a: GuestThread, b: GuestThread, seed: number): Promise<void> {
    const [ca, cb] = [(await a.call('setup', [seed], 3)).read, (await b.call('setup', [seed + 1], 3)).read];
    expect((await a.call('connect', [b.lid, ...cb])).result).toBe(0);
    expect((await b.call('connect', [a.lid, ...ca])).result).toBe(0);
  }

  for (const seed of [FIRST_SEED, FIRST_SEED + 10, FIRST_SEED + 20]) {
    it(`hammer each other without losing, repeating, reordering or tearing a message (seed ${seed})`, async () => {
      const [a, b] = [start(), start()];
      await connect(a, b, seed);
      const total = 800;
      const results = await Promise.all([a.call('run', [seed, seed + 1, total]), b.call('run', [seed + 1, seed, total])]);
      expect(results.map((each) => each.result)).toEqual([0, 0]);
      const counters = [a, b].map((each) => each.attachment.counters());
      expect(counters.map((each) => [each.messagesSent, each.messagesReceived])).toEqual([
        [total, total],
        [total, total],
      ]);
      expect(counters[0]?.bytesSent).toBe(counters[1]?.bytesReceived);
    }, 120_000);
  }

  it('leave nothing behind when one is ended at any instruction: the other gets errors, no lock stays, others carry on', async () => {
    for (let round = 0; round < 6; round++) {
      const [a, b] = [start(), start()];
      await connect(a, b, FIRST_SEED + round);
      const run = b.call('run', [2, 1, 2_000_000_000]);
      void a.call('run', [1, 2, 2_000_000_000]).catch(() => undefined);
      await sleep(20 + 7 * round);
      await a.kill();
      a.attachment.detach();
      expect((await run).result & ~(2 | 8)).toBe(0);
      expect(subnet.heldLocks()).toBe(0);
    }
    const [c, d] = [start(), start()];
    await connect(c, d, 5);
    const results = await Promise.all([c.call('run', [1, 2, 500]), d.call('run', [2, 1, 500])]);
    expect(results.map((each) => each.result)).toEqual([0, 0]);
  }, 120_000);
});
