/** Memory on its way from one node-agent to another, by the frames that cross the link. */
import type { RunningProgram } from '@verbena/hypervisor';
import { pageBytes, type ConvergencePolicy } from '@verbena/live-migration';
import { createSubnet, pairAddress, type FabricPort, type Subnet } from '@verbena/fabric';
import { systemClock } from '@verbena/service-kit';
import fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Vm } from '../vms/vm-table.ts';
import { withNumber } from './frames.ts';
import { Incoming } from './incoming.ts';
import { Outgoing, type Transfer } from './outgoing.ts';
import { Doors } from './transport.ts';

const never = new AbortController().signal;
const bytes = 64 * pageBytes;
const facts = { migrationId: 'mig-1', fence: 1n, jobId: 'job-1', rank: 0, attempt: 1 };
const shared = (): Uint8Array<SharedArrayBuffer> => new Uint8Array(new SharedArrayBuffer(bytes));

let doors: Doors;
let dir: string;
let subnet: Subnet;
let ports: readonly FabricPort[];
beforeAll(async () => {
  subnet = await createSubnet();
  ports = [subnet.addPort({ nodeName: 'here' }), subnet.addPort({ nodeName: 'there' })];
});
afterAll(() => subnet.close());
beforeEach(async () => {
  doors = new Doors('127.0.0.1');
  dir = await mkdtemp(join(tmpdir(), 'verbena-moving-'));
});
afterEach(async () => {
  await doors.close();
  await rm(dir, { recursive: true, force: true });
});

const usual: Transfer = { transport: 'tcp', clusterBytes: 256 * 1024, compression: 0 };
const wasmPages = 256;

interface Way {
  readonly here: Uint8Array;
  readonly there: Uint8Array;
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
  /** What was asked of the program. */
  readonly shares: number[];
}

/** A guest here whose memory the test writes, and a domain there. `runs`: what the guest does whenever it is looked at. */
async function way(transfer = usual, runs: (memory: Uint8Array, share: number) => void = () => undefined): Promise<Way> {
  const memory = new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages, shared: true });
  const there = new Uint8Array(memory.buffer, 0, bytes);
  const here = shared();
  const domain = { incoming: () => new Uint8Array(memory.buffer), incomingMemory: () => memory };
  const vm = { request: { vmId: 'vm-1', memoryBytes: bytes }, domain } as unknown as Vm;
  const [from, to] = ports as [FabricPort, FabricPort];
  const incoming = new Incoming(facts, vm, dir, to);
  const { endpoint, secret } = await doors.open((frame) => incoming.take(frame));
  const shares: number[] = [];
  const program = {
    memory: () => {
      runs(here, shares.at(-1) ?? 1);
      return here;
    },
    throttle: (share: number) => void shares.push(share),
  } as Partial<RunningProgram> as RunningProgram;
  const own = () => Promise.reject(new Error('nothing is suspended here'));
  const what = { vmId: 'vm-1', memoryBytes: bytes, program, transfer, port: from };
  return { here, there, incoming, shares, outgoing: new Outgoing({ ...what, endpoint, secret, clock: systemClock, own }) };
}

async function closed({ incoming, outgoing }: Way): Promise<void> {
  await outgoing.close();
  await incoming.close();
}

const policy = (mostRounds: number, whenTooFast: ConvergencePolicy['whenTooFast'] = 'suspend'): ConvergencePolicy => ({
  downtimeMs: -1,
  mostRounds,
  whenTooFast,
});

describe.each<[string, Transfer]>([
  ['in frames', usual],
  ['in frames, a page at a time', { ...usual, clusterBytes: pageBytes }],
  ['in frames that are compressed', { ...usual, compression: 1 }],
  ['by RDMA', { ...usual, transport: 'rdma' }],
  ['by RDMA, a page at a time', { ...usual, transport: 'rdma', clusterBytes: pageBytes }],
])('memory that moves %s', (_name, transfer) => {
  it('is the same on both sides after each round, whatever is written between rounds', async () => {
    const writes = fc.array(fc.array(fc.tuple(fc.nat(bytes - 1), fc.nat(255)), { maxLength: 30 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(writes, async (rounds) => {
        const both = await way(transfer);
        const { here, there, outgoing } = both;
        const write = (round: number): void => {
          for (const [at, value] of rounds[round] ?? []) here[at] = value;
        };
        write(0);
        let done = 0;
        for await (const { pages, left } of outgoing.rounds(0, policy(rounds.length), never)) {
          expect(left).toBe(0);
          expect(pages).toBeLessThanOrEqual(new Set(rounds[done]?.map(([at]) => Math.floor(at / pageBytes))).size);
          expect(Buffer.compare(there, here)).toBe(0);
          write(++done);
        }
        await closed(both);
      }),
      { numRuns: 10 },
    );
  });
});

describe('memory that moves', () => {
  it('crosses the link as little as it changed', async () => {
    const { here, outgoing } = await way();
    for (let at = 0; at < 32 * pageBytes; at++) here[at] = at * 31;
    const sent: number[] = [];
    for await (const { bytes: crossed } of outgoing.rounds(0, policy(3), never)) {
      sent.push(crossed);
      here[5 * pageBytes]! ^= 1;
    }
    expect(sent[0]).toBeGreaterThan(32 * pageBytes);
    expect(sent[1]).toBeLessThan(100);
    await outgoing.close();
  });

  it('is refused where it does not lie in the memory of the VM, or is no record', async () => {
    const { incoming } = await way();
    const outside = new Uint8Array(24 + pageBytes);
    new DataView(outside.buffer).setUint32(0, 2, true);
    new DataView(outside.buffer).setUint32(4, pageBytes, true);
    new DataView(outside.buffer).setBigUint64(8, BigInt(bytes), true);
    new DataView(outside.buffer).setBigUint64(16, BigInt(pageBytes), true);
    expect(() => incoming.take({ kind: 'pages', payload: outside })).toThrow(/does not lie in the guest's memory/);
    const { incoming: another } = await way();
    await another.take({ kind: 'pages', payload: withNumber(7) });
    await expect(another.take({ kind: 'round', payload: new Uint8Array(0) })).rejects.toThrow(/ends in its head/);
  });

  it('is written from afar only where the VM has memory, and not after all has arrived', async () => {
    const both = await way({ ...usual, transport: 'rdma' });
    const { incoming, outgoing, here, there } = both;
    await expect(incoming.take({ kind: 'region', payload: withNumber(pageBytes) })).rejects.toThrow(/without a queue pair/);
    await expect(incoming.take({ kind: 'pair', payload: pairAddress.encode({ lid: 1, qpn: 4_711 }) })).rejects.toThrow(
      /no queue pair 4711/,
    );
    await expect(incoming.take({ kind: 'pair', payload: new Uint8Array(3) })).rejects.toThrow(/no queue pair/);
    here.fill(7);
    for await (const _ of outgoing.rounds(0, policy(1), never));
    expect(Buffer.compare(there, here)).toBe(0);
    await expect(incoming.take({ kind: 'region', payload: withNumber(bytes + pageBytes) })).rejects.toThrow(/bytes of memory, not/);
    await expect(incoming.take({ kind: 'pair', payload: new Uint8Array(8) })).rejects.toThrow(/second queue pair/);
    await incoming.close();
    here.fill(8);
    await expect(async () => {
      for await (const _ of outgoing.rounds(0, policy(1), never));
    }).rejects.toThrow(/failed with status/);
    expect(there.every((byte) => byte === 7)).toBe(true);
    await closed(both);
  });
});

describe('a program that writes faster than its memory can be sent', () => {
  let written = 0;
  /** All of it, whenever it is looked at. */
  const everywhere = (memory: Uint8Array): void => {
    memory.fill(++written);
  };

  it('is suspended with what is left', async () => {
    const both = await way(usual, everywhere);
    let rounds = 0;
    for await (const { left } of both.outgoing.rounds(0, policy(20), never)) {
      rounds++;
      expect(left).toBe(bytes / pageBytes);
    }
    expect(rounds).toBe(2);
    await closed(both);
  });

  it('stays where it is when the policy is to give up', async () => {
    const both = await way(usual, everywhere);
    await expect(async () => {
      for await (const _ of both.outgoing.rounds(0, policy(20, 'give-up'), never));
    }).rejects.toThrow(/writes faster than they are sent/);
    await closed(both);
  });

  it('gets less and less of its time until it is slow enough, and then all of it', async () => {
    const both = await way(usual, (memory, share) => {
      if (share > 0.3) everywhere(memory);
    });
    const lefts: number[] = [];
    for await (const { left } of both.outgoing.rounds(0, { ...policy(20, 'throttle'), downtimeMs: 0 }, never)) lefts.push(left);
    expect(lefts.at(-1)).toBe(0);
    expect(both.shares.map((share) => share.toFixed(2))).toEqual(['0.70', '0.49', '0.34', '0.24', '1.00']);
    await closed(both);
  });

  it('is suspended at a tenth of its time, when that is still too fast', async () => {
    const both = await way(usual, everywhere);
    let rounds = 0;
    for await (const _ of both.outgoing.rounds(0, policy(20, 'throttle'), never)) rounds++;
    expect(rounds).toBeLessThanOrEqual(20);
    expect(both.shares.at(-2)).toBeCloseTo(0.1);
    expect(both.shares.at(-1)).toBe(1);
    await closed(both);
  });
});
