/** A host writes into a memory of another host, within one process and over a link. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSubnet, HostQueuePair, hostRingBytes, type FabricPort, type Subnet } from './index.ts';

const bytes = 9 * 1024 * 1024;
const page = 65_536;
const memoryOf = (size: number): WebAssembly.Memory => new WebAssembly.Memory({ initial: size / page, maximum: 4_096, shared: true });
const view = (memory: WebAssembly.Memory): Uint8Array => new Uint8Array(memory.buffer);

const subnets: Subnet[] = [];
const pairs: HostQueuePair[] = [];
let ticker: NodeJS.Timeout;
beforeEach(() => {
  ticker = setInterval(() => subnets.forEach((each) => each.tick(performance.now())), 10);
});
afterEach(() => {
  clearInterval(ticker);
  for (const pair of pairs.splice(0)) pair.close();
  for (const subnet of subnets.splice(0)) subnet.close();
});

async function inOneProcess(): Promise<[FabricPort, FabricPort]> {
  const subnet = await createSubnet();
  subnets.push(subnet);
  return [subnet.addPort({ nodeName: 'a' }), subnet.addPort({ nodeName: 'b' })];
}

async function overALink(): Promise<[FabricPort, FabricPort]> {
  const fabric = { listen: '127.0.0.1:0', secret: 'a secret for this test only' };
  const [left, right] = [await createSubnet({ fabric }), await createSubnet({ fabric })];
  subnets.push(left, right);
  // An adapter whose clock stands still would think at its first tick that the link was away for all the time before.
  for (const subnet of subnets) subnet.tick(performance.now());
  const [a, b] = [left.addPort({ nodeName: 'a', lid: 1 }), right.addPort({ nodeName: 'b', lid: 2 })];
  a.learnPeers([{ lid: 2, endpoint: b.endpoint }]);
  b.learnPeers([{ lid: 1, endpoint: a.endpoint }]);
  await linked(a, b);
  return [a, b];
}

/** A queue pair waits eight seconds for its link, which on a busy machine may take longer to come up: the first pairs are for that alone. */
async function linked(a: FabricPort, b: FabricPort): Promise<void> {
  for (let up = false; !up;) {
    const { writer, landing, lkey, rkey } = ends([a, b]);
    writer.write({ from: hostRingBytes, to: 0, bytes: 64, lkey, rkey });
    up = await settled(writer).then(
      () => true,
      () => false,
    );
    writer.close();
    landing.close();
  }
}

function ends([a, b]: [FabricPort, FabricPort]) {
  const [source, target] = [memoryOf(hostRingBytes + bytes), memoryOf(bytes)];
  const writer = new HostQueuePair(a, 'vm-1', source, true);
  const landing = new HostQueuePair(b, 'vm-1', target, false);
  pairs.push(writer, landing);
  landing.connect(writer.lid, writer.qpn);
  writer.connect(landing.lid, landing.qpn);
  const { lkey } = writer.register(hostRingBytes + bytes, 'read-here');
  const { rkey } = landing.register(bytes, 'written-from-afar');
  return { source: view(source).subarray(hostRingBytes), target, writer, landing, lkey, rkey };
}

/** Until all has completed; time is nobody's business here. */
async function settled(writer: HostQueuePair): Promise<void> {
  while (writer.outstanding > 0) {
    writer.poll();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.each([
  ['of the same process', inOneProcess],
  ['of another process', overALink],
])('a host that writes into a host %s', (_name, ports) => {
  it('has written all of it when all has completed, and nothing else', async () => {
    const { source, target, writer, lkey, rkey } = ends(await ports());
    for (let at = 0; at < bytes; at += 4) source[at] = (at >> 12) + at;
    const piece = 32 * 1024;
    for (let at = 0; at < bytes; at += 2 * piece)
      while (!writer.write({ from: hostRingBytes + at, to: at, bytes: piece, lkey, rkey })) {
        writer.poll();
        await new Promise((resolve) => setImmediate(resolve));
      }
    await settled(writer);
    const expected = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 2 * piece) expected.set(source.subarray(at, at + piece), at);
    expect(Buffer.compare(Buffer.from(target.buffer), expected)).toBe(0);
  });

  it('is refused where the other has not let it, and its pair is of no use any more', async () => {
    const { source, target, writer, lkey, rkey } = ends(await ports());
    source.fill(7);
    expect(writer.write({ from: hostRingBytes, to: bytes - 10, bytes: 4_096, lkey, rkey })).toBe(true);
    await expect(settled(writer)).rejects.toThrow(/failed with status/);
    expect(
      view(target)
        .subarray(bytes - 4_096)
        .every((byte) => byte === 0),
    ).toBe(true);
  });

  it('writes no more when the other has closed', async () => {
    const { source, target, writer, landing, lkey, rkey } = ends(await ports());
    landing.close();
    source.fill(7);
    writer.write({ from: hostRingBytes, to: 0, bytes: 4_096, lkey, rkey });
    await expect(settled(writer)).rejects.toThrow(/failed with status/);
    expect(view(target).every((byte) => byte === 0)).toBe(true);
  });

  it('tells whoever waits for a write that its own end is closed', async () => {
    const { writer, lkey, rkey } = ends(await ports());
    const write = { from: hostRingBytes, to: 0, bytes: 4_096, lkey, rkey };
    writer.write(write);
    writer.close();
    expect(() => writer.poll()).toThrow(/is closed/);
    expect(() => writer.write(write)).toThrow(/is closed/);
  });

  it('goes on with a region that has grown', async () => {
    const { source, target, writer, landing, lkey } = ends(await ports());
    target.grow(16);
    const { rkey } = landing.register(bytes + 16 * page, 'written-from-afar');
    source.fill(9, 0, 100);
    writer.write({ from: hostRingBytes, to: bytes + 8 * page, bytes: 100, lkey, rkey });
    await settled(writer);
    expect(view(target)[bytes + 8 * page + 99]).toBe(9);
  });
});
