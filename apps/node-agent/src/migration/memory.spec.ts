/** Memory on its way from one node-agent to another, by the frames that cross the link. */
import type { RunningProgram } from '@verbena/hypervisor';
import { pageBytes } from '@verbena/live-migration';
import { systemClock } from '@verbena/service-kit';
import fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Vm } from '../vms/vm-table.ts';
import { withNumber } from './frames.ts';
import { Incoming } from './incoming.ts';
import { Outgoing } from './outgoing.ts';
import { Doors } from './transport.ts';

const never = new AbortController().signal;
const bytes = 64 * pageBytes;
const facts = { migrationId: 'mig-1', fence: 1n, jobId: 'job-1', rank: 0, attempt: 1 };
const shared = (): Uint8Array<SharedArrayBuffer> => new Uint8Array(new SharedArrayBuffer(bytes));

let doors: Doors;
let dir: string;
beforeEach(async () => {
  doors = new Doors('127.0.0.1');
  dir = await mkdtemp(join(tmpdir(), 'verbena-moving-'));
});
afterEach(async () => {
  await doors.close();
  await rm(dir, { recursive: true });
});

/** A guest here whose memory the test writes, and a domain there. */
async function way(): Promise<{ here: Uint8Array; there: Uint8Array; incoming: Incoming; outgoing: Outgoing }> {
  const [here, there] = [shared(), shared()];
  const vm = { request: { vmId: 'vm-1', memoryBytes: bytes }, domain: { incoming: () => there } } as unknown as Vm;
  const incoming = new Incoming(facts, vm, dir);
  const { endpoint, secret } = await doors.open((frame) => incoming.take(frame));
  const program = { memory: () => here } as Partial<RunningProgram> as RunningProgram;
  const own = () => Promise.reject(new Error('nothing is suspended here'));
  return { here, there, incoming, outgoing: new Outgoing({ program, endpoint, secret, clock: systemClock, own }) };
}

describe('memory that moves', () => {
  it('is the same on both sides after each round, whatever is written between rounds', async () => {
    const writes = fc.array(fc.array(fc.tuple(fc.nat(bytes - 1), fc.nat(255)), { maxLength: 30 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(writes, async (rounds) => {
        const { here, there, outgoing } = await way();
        const write = (round: number): void => {
          for (const [at, value] of rounds[round] ?? []) here[at] = value;
        };
        write(0);
        let done = 0;
        for await (const { pages, left } of outgoing.rounds(0, { downtimeMs: -1, mostRounds: rounds.length }, never)) {
          expect(left).toBe(0);
          expect(pages).toBeLessThanOrEqual(new Set(rounds[done]?.map(([at]) => Math.floor(at / pageBytes))).size);
          expect(Buffer.compare(there, here)).toBe(0);
          write(++done);
        }
        await outgoing.close();
      }),
      { numRuns: 25 },
    );
  });

  it('crosses the link as little as it changed', async () => {
    const { here, outgoing } = await way();
    for (let at = 0; at < 32 * pageBytes; at++) here[at] = at * 31;
    const sent: number[] = [];
    for await (const { bytes: crossed } of outgoing.rounds(0, { downtimeMs: -1, mostRounds: 3 }, never)) {
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
    await expect(incoming.take({ kind: 'pages', payload: outside })).rejects.toThrow(/does not lie in the guest's memory/);
    await expect(incoming.take({ kind: 'pages', payload: withNumber(7) })).rejects.toThrow(/ends in its head/);
  });
});
