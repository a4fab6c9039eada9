import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { GuestImage } from '@verbena/guest-image';
import type { DomainCounters, IoPath } from '@verbena/hypervisor';
import { compile } from '@verbena/toolchain';
import { runGuests } from './guest-runner.ts';
import { PathBench } from './path-bench.ts';

const source = fileURLToPath(new URL('../../bench/programs/pingpong.c', import.meta.url));
let image: GuestImage;

beforeAll(async () => {
  const built = await compile({ language: 'c', args: ['-O2', source], cwd: process.cwd(), onDiagnostics: () => undefined });
  if (built.image === undefined) throw new Error('pingpong.c does not compile');
  image = built.image;
}, 60_000);

/** Two VMs on two hosts: `rounds` windows of 16 messages of 8 bytes, and an answer to each window. */
async function exchange(ioPath: IoPath, rounds: number): Promise<DomainCounters> {
  const { exits, stderr } = await runGuests({
    ...{ image, size: 2, hosts: 2, ioPath, limitMs: 110_000 },
    args: ['bandwidth', '8', String(rounds)],
  });
  expect(stderr).toEqual(['', '']);
  expect(exits.map(({ cause, exitCode, detail }) => [cause, exitCode, detail])).toEqual([
    ['exited', 0, ''],
    ['exited', 0, ''],
  ]);
  const [first] = exits;
  if (first === undefined) throw new Error('rank 0 has no end');
  return first.counters;
}

describe('what a message costs', () => {
  it.each(['bypass', 'sriov', 'native'] as const)('a million of them by the path %s: no VMM, no driver domain (R5)', async (ioPath) => {
    const counters = await exchange(ioPath, 62_500);
    expect(counters.messagesSent).toBeGreaterThanOrEqual(1_000_000);
    expect(counters).toMatchObject({ dataPathVmmOperations: 0, driverDomainOperations: 0 });
    const { block = 0, ...calls } = counters.hypercalls;
    // Sleeping apart, which depends on how crowded the cores are, only the beginning and the end of the program enter the VMM.
    expect(Object.values(calls).reduce((sum, count) => sum + count, 0)).toBeLessThan(200);
    expect(block).toBeLessThan(counters.messagesSent);
  });

  it('a million of them by the path ivc between VMs of one host: no VMM, no driver domain, no adapter (R43)', async () => {
    const { exits } = await runGuests({ image, size: 2, hosts: 1, ioPath: 'ivc', limitMs: 110_000, args: ['bandwidth', '8', '62500'] });
    expect(exits.map(({ cause, exitCode, detail }) => [cause, exitCode, detail])).toEqual(Array(2).fill(['exited', 0, '']));
    const counters = exits[0]?.counters;
    expect(counters?.channelMessages).toBeGreaterThanOrEqual(1_000_000);
    // One doorbell announces the receive requests of the queue pair to the neighbour, which is there and is not used.
    expect(counters).toMatchObject({ messagesSent: 0, doorbells: 1, dataPathVmmOperations: 0, driverDomainOperations: 0 });
  });

  it('copies once what is long (R44), and goes by the adapter to VMs of another host', async () => {
    const long = await runGuests({ image, size: 2, hosts: 1, ioPath: 'ivc', limitMs: 60_000, args: ['bandwidth', '1048576', '2'] });
    const sent = long.exits[0]?.counters;
    expect(sent?.channelBytes).toBeGreaterThanOrEqual(32 * 2 ** 20);
    expect(sent?.copiedBytes).toBe(sent?.channelBytes);
    const apart = await runGuests({ image, size: 2, hosts: 2, ioPath: 'ivc', limitMs: 60_000, args: ['bandwidth', '8', '10'] });
    expect(apart.exits[0]?.counters.channelMessages).toBe(0);
    expect(apart.exits[0]?.counters.messagesSent).toBeGreaterThan(160);
  });

  it('enters the VMM once for each doorbell by the path vmm (R1)', async () => {
    const counters = await exchange('vmm', 500);
    expect(counters.messagesSent).toBeGreaterThanOrEqual(8000);
    expect(counters.dataPathVmmOperations).toBe(counters.doorbells);
    expect(counters.dataPathVmmOperations).toBeGreaterThanOrEqual(counters.messagesSent);
  });

  it('passes through the driver domain at least once by the path split (R2), and leaves nothing on the vCPU but notifications (R3)', async () => {
    const counters = await exchange('split', 500);
    expect(counters.driverDomainOperations).toBeGreaterThanOrEqual(counters.messagesSent);
    expect(counters.hypercalls['doorbell']).toBeUndefined();
    expect(counters.dataPathVmmOperations).toBe(counters.hypercalls['notify'] ?? 0);
  });

  it('passes as frames through the card, the bridge and the stream by the path ethernet (R2), the adapter of the host apart', async () => {
    const counters = await exchange('ethernet', 200);
    expect(counters.messagesSent).toBeGreaterThanOrEqual(3200);
    expect(counters.networkFrames).toBeGreaterThan(200);
    expect(counters.driverDomainOperations).toBeGreaterThan(counters.networkFrames);
    expect(counters.networkBytes).toBeGreaterThan(counters.bytesSent);
    expect(counters.copiedBytes).toBeGreaterThan(5 * counters.bytesSent);
    expect(counters.dataPathVmmOperations).toBe(counters.hypercalls['notify'] ?? 0);
  });

  it('has counters outside any domain, where calls are system calls', async () => {
    const counters = await exchange('native', 10);
    expect(counters.vmmOperations).toBe(0);
    expect(counters.hypercalls['hca-command']).toBeUndefined();
  });
});

describe('a driver domain that crashes (R18)', () => {
  it('is started again; its guests go on, and those of the other one do not notice', async () => {
    const bench = await PathBench.open(image);
    try {
      // Guests go to the driver domain with the fewest: the first job's to one, the second's to the other.
      const [first, second] = await bench.interleaved(['latency', '8', '1000'], 'split');
      expect(bench.driverDomains.map(({ guests }) => guests)).toEqual([2, 2]);
      bench.driverDomains[0]?.crash();
      const ends = await Promise.all([first.ends, second.ends]);
      expect(ends.flat().map(({ cause, exitCode, detail }) => [cause, exitCode, detail])).toEqual(Array(4).fill(['exited', 0, '']));
      expect(bench.driverDomains.map(({ restarts }) => restarts)).toEqual([1, 0]);
      expect(bench.driverDomains.map(({ guests }) => guests)).toEqual([0, 0]);
      const [again] = await bench.interleaved(['latency', '8', '50'], 'split');
      expect((await again.ends).map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    } finally {
      await bench.close();
    }
  });
});

describe('the driver domain that has the bridge', () => {
  it('is started again when it crashes, and streams send again what was lost', async () => {
    const bench = await PathBench.open(image);
    try {
      const [first, second] = await bench.interleaved(['latency', '8', '1000'], 'ethernet');
      expect(bench.driverDomains.map(({ guests }) => guests)).toEqual([4, 0]);
      bench.driverDomains[0]?.crash();
      const ends = await Promise.all([first.ends, second.ends]);
      expect(ends.flat().map(({ cause, exitCode, detail }) => [cause, exitCode, detail])).toEqual(Array(4).fill(['exited', 0, '']));
      expect(bench.driverDomains.map(({ restarts, guests }) => [restarts, guests])).toEqual([
        [1, 0],
        [0, 0],
      ]);
    } finally {
      await bench.close();
    }
  });
});

describe('virtual functions (R19)', () => {
  it('run out: the next domain is refused, and one that ends leaves its function to others', async () => {
    const bench = await PathBench.open(image);
    try {
      const release = bench.takeVirtualFunctions(63);
      await expect(bench.interleaved(['latency', '8', '10'], 'sriov')).rejects.toThrow(
        'all 64 virtual functions of the adapter of host-0 are taken',
      );
      release();
    } finally {
      await bench.close();
    }
    const counters = await exchange('sriov', 10);
    expect(counters.messagesSent).toBeGreaterThan(160);
  });
});
