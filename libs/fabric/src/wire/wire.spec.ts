/** Two subnets in one process that only know each other over TCP: what their link workers do. */
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSubnet, type FabricEvent, type FabricOptions, type Subnet } from '../index.ts';
import { GuestThread, compileGuest } from '../testing/guest-thread.ts';

const SECRET = 'a secret for this test only';

describe('subnets of two processes', () => {
  let module: WebAssembly.Module;
  const subnets: Subnet[] = [];
  const threads: GuestThread[] = [];
  const servers: Server[] = [];
  const events: FabricEvent[] = [];
  let ticker: NodeJS.Timeout | undefined;

  beforeAll(async () => {
    module = await compileGuest('./hammer.c');
  }, 120_000);
  afterEach(async () => {
    clearInterval(ticker);
    ticker = undefined;
    for (const thread of threads.splice(0)) await thread.close();
    for (const subnet of subnets.splice(0)) subnet.close();
    for (const server of servers.splice(0)) server.close();
    events.length = 0;
  });

  async function open(options: Partial<FabricOptions> = {}): Promise<Subnet> {
    const onEvent = (event: FabricEvent): void => void events.push(event);
    const subnet = await createSubnet({ fabric: { listen: '127.0.0.1:0', secret: SECRET, onEvent, ...options } });
    subnets.push(subnet);
    ticker ??= setInterval(() => subnets.forEach((each) => each.tick(performance.now())), 10);
    return subnet;
  }

  function start(subnet: Subnet, lid: number): GuestThread {
    const thread = new GuestThread(subnet, module, 1, lid);
    threads.push(thread);
    return thread;
  }

  /** A guest in each subnet, with LIDs 1 and 2, which know each other's endpoint. */
  async function pair(left: Subnet, right: Subnet, seed: number): Promise<[GuestThread, GuestThread]> {
    const [a, b] = [start(left, 1), start(right, 2)];
    const [one, two] = [left.ports()[0], right.ports()[0]];
    one?.learnPeers([{ lid: 2, endpoint: two?.endpoint ?? '' }]);
    two?.learnPeers([{ lid: 1, endpoint: one?.endpoint ?? '' }]);
    const [ca, cb] = [(await a.call('setup', [seed], 3)).read, (await b.call('setup', [seed + 1], 3)).read];
    expect((await a.call('connect', [b.lid, ...cb])).result).toBe(0);
    expect((await b.call('connect', [a.lid, ...ca])).result).toBe(0);
    return [a, b];
  }

  async function until(what: () => boolean): Promise<void> {
    while (!what()) await sleep(5);
  }

  it('hammer each other over TCP without losing, repeating, reordering or tearing a message', async () => {
    const [left, right] = [await open(), await open()];
    const [a, b] = await pair(left, right, 40);
    const total = 600;
    const results = await Promise.all([a.call('run', [1, 2, total]), b.call('run', [2, 1, total])]);
    expect(results.map((each) => each.result)).toEqual([0, 0]);
    await until(() => a.attachment.counters().messagesSent === total && b.attachment.counters().messagesSent === total);
    expect([a, b].map((each) => each.attachment.counters().messagesReceived)).toEqual([total, total]);
  }, 60_000);

  it('refuse a process with another secret, and say so', async () => {
    const [left, right] = [await open(), await open({ secret: 'another secret altogether' })];
    const [a] = await pair(left, right, 50);
    const run = a.call('run', [1, 2, 10]);
    await until(() => events.some((event) => event.kind === 'refused' && event.reason.includes('secret')));
    expect(events.some((event) => event.kind === 'link' && event.up)).toBe(false);
    // The request that waits for the link fails in the end.
    expect((await run).result & 8).toBe(8);
  }, 60_000);

  it('close on strangers: noise, silence and half a hello', async () => {
    const subnet = await open();
    subnet.addPort({ nodeName: 'host' });
    const [port] = subnet.ports();
    const [, number] = (port?.endpoint ?? '').split(':');
    const ended = (send: Uint8Array): Promise<number> =>
      new Promise((resolve) => {
        let bytes = 0;
        const socket = connect(Number(number), '127.0.0.1', () => socket.write(send));
        socket.on('data', (data) => (bytes += data.length));
        socket.on('error', () => undefined);
        socket.on('close', () => resolve(bytes));
      });
    const answered = await Promise.all([ended(new Uint8Array(5000).fill(0xff)), ended(new Uint8Array(100)), ended(new Uint8Array())]);
    // Nothing is told to somebody who has not even introduced himself.
    expect(answered).toEqual([0, 0, 0]);
    await until(() => events.filter((event) => event.kind === 'refused').length === 3);
  }, 60_000);

  it('go on where they were when the connection breaks, again and again', async () => {
    let hangUps = 0;
    /** A subnet that can only be reached through a proxy, which hangs up a few times. */
    const openBehindProxy = async (): Promise<Subnet> => {
      const target = await freePort();
      const proxy = createServer((near) => {
        const far = connect(target, '127.0.0.1');
        let bytes = 0;
        for (const [from, to] of [
          [near, far],
          [far, near],
        ] as const) {
          from.on('error', () => undefined);
          from.on('close', () => to.destroy());
          from.on('data', (data) => {
            bytes += data.length;
            to.write(data);
            if (bytes < 400_000 || hangUps >= 6) return;
            hangUps++;
            near.destroy();
          });
        }
      });
      servers.push(proxy);
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
      const address = proxy.address();
      const advertise = `127.0.0.1:${String(typeof address === 'object' ? address?.port : 0)}`;
      return open({ listen: `127.0.0.1:${String(target)}`, advertise });
    };
    const [left, right] = [await openBehindProxy(), await openBehindProxy()];
    const [a, b] = await pair(left, right, 60);
    const total = 1000;
    const results = await Promise.all([a.call('run', [1, 2, total]), b.call('run', [2, 1, total])]);
    expect(results.map((each) => each.result)).toEqual([0, 0]);
    expect(hangUps).toBe(6);
    expect(events.filter((event) => event.kind === 'link' && event.up).length).toBeGreaterThan(6);
    expect([left, right].map((subnet) => subnet.heldLocks())).toEqual([0, 0]);
  }, 60_000);

  it('fail what waits for a process that is gone, in bounded time', async () => {
    const [left, right] = [await open(), await open()];
    const [a, b] = await pair(left, right, 70);
    const run = a.call('run', [1, 2, 2_000_000_000]);
    void b.call('run', [2, 1, 2_000_000_000]).catch(() => undefined);
    await until(() => a.attachment.counters().messagesReceived > 20);
    await b.kill();
    right.close();
    expect((await run).result).not.toBe(0);
    expect(left.heldLocks()).toBe(0);
  }, 60_000);

  it('find a process again that was started anew elsewhere, however often', async () => {
    const [left, right] = [await open(), await open()];
    left.addPort({ nodeName: 'host', lid: 3 });
    // More than an adapter has links.
    for (let port = 2000; port < 2100; port++) left.ports()[0]?.learnPeers([{ lid: 2, endpoint: `127.0.0.1:${String(port)}` }]);
    const [a, b] = await pair(left, right, 80);
    const results = await Promise.all([a.call('run', [1, 2, 50]), b.call('run', [2, 1, 50])]);
    expect(results.map((each) => each.result)).toEqual([0, 0]);
  }, 60_000);

  it.each([
    ['127.0.0.1', 'give host:port'],
    ['0.0.0.0:0', 'address to advertise'],
    ['127.0.0.1:99999', 'no endpoint'],
    ['203.0.113.1:1', 'cannot listen'],
  ])('cannot be opened at %s', async (listen, words) => {
    await expect(createSubnet({ fabric: { listen, secret: SECRET } })).rejects.toThrow(words);
  });

  it('want a secret that deserves the name', async () => {
    await expect(createSubnet({ fabric: { listen: '127.0.0.1:0', secret: 'short' } })).rejects.toThrow('at least 16 bytes');
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('a server that listens has an address');
  return address.port;
}
