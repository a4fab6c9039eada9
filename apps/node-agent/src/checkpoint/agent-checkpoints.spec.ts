/** The ranks of a node stand, are captured, go on and are stored; whatever goes wrong, they run at the end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { migrationv1 } from '@verbena/contracts';
import { sha256 } from '@verbena/guest-image';
import type { ProgramFile, ProgramState, RunningProgram } from '@verbena/hypervisor';
import { restoreRegions } from '@verbena/live-migration';
import { manualClock, type ManualClock } from '@verbena/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentCheckpoints, patienceMs, type SavableRun } from './agent-checkpoints.ts';
import { readRank } from './restored-ranks.ts';
import type { SnapshotPort } from './snapshot-port.ts';

const [image, jobId, pages] = [`sha256:${'1'.repeat(64)}`, 'job-1', 300];
const page = 4096;

/** A rank that stands when it is told to, unless it computes. */
class FakeRank {
  readonly memory = new Uint8Array(new SharedArrayBuffer(pages * page));
  readonly told: string[] = [];
  computes = false;
  output = 5n;
  files: readonly { readonly name: string; readonly text: string }[] = [];
  readonly rank: number;

  constructor(rank: number) {
    this.rank = rank;
  }

  state(): ProgramState {
    const { rank } = this;
    return {
      ...{ imageDigest: image, jobId, rank, size: 2, pkey: 7, jobSeed: 1n, args: ['cg'], env: {}, scratchBytes: 1 << 20 },
      ...{ outputLimitBytes: 1 << 20, ioPath: 'bypass', memoryBytes: this.memory.length, memoryLimitBytes: this.memory.length },
      ...{ globals: {}, stackRecord: 64, call: { kind: 'hypercall', nr: 1, args: [0, 0, 0, 0], begunNs: 0n }, monotonicNs: 9n, cpuNs: 3n },
      ...{ stdin: new Uint8Array([1]), files: [], rendezvous: 1, counters: {}, outOfMemory: false },
      traffic: { messagesSent: 0, bytesSent: 0, messagesReceived: 0, bytesReceived: 0 } as never,
    };
  }

  program(): RunningProgram {
    const file = ({ name, text }: { name: string; text: string }): ProgramFile => ({
      ...{ place: 'scratch', path: [name], kind: 'file', size: text.length, modifiedMs: 1 },
      async *content() {
        yield await Promise.resolve(Buffer.from(text));
      },
    });
    const files = async function* (this: FakeRank) {
      for (const one of this.files) yield await Promise.resolve(file(one));
    }.bind(this);
    const some: Partial<RunningProgram> = {
      quiesce: (epoch) => {
        if (this.computes) return Promise.reject(new Error('it computes'));
        this.told.push('stand');
        return Promise.resolve({ epoch, noChannels: false });
      },
      release: (_epoch, mode) => void this.told.push(mode),
      suspend: () =>
        Promise.resolve({
          ...{ state: this.state(), memory: this.memory, files, discard: () => Promise.resolve() },
          resume: () => Promise.resolve(void this.told.push('resume')),
        }),
    };
    return some as RunningProgram;
  }
}

class Storage implements SnapshotPort {
  readonly parts = new Map<string, readonly string[]>();
  readonly chunks = new Map<string, Uint8Array>();
  full = false;
  begin(id: string, rank: number, index: readonly string[], chunks: readonly string[]): Promise<readonly string[]> {
    this.parts.set(`${id}/${String(rank)}`, index);
    return Promise.resolve([...new Set([...index, ...chunks])].filter((digest) => !this.chunks.has(digest)));
  }
  put(digest: string, data: Uint8Array): Promise<void> {
    if (this.full) return Promise.reject(new Error('there is no room'));
    expect(sha256(data)).toBe(digest);
    this.chunks.set(digest, data);
    return Promise.resolve();
  }
  part(id: string, rank: number): Promise<readonly string[]> {
    return Promise.resolve(this.parts.get(`${id}/${String(rank)}`) ?? []);
  }
  chunk(digest: string): Promise<Uint8Array> {
    return Promise.resolve(this.chunks.get(digest) ?? new Uint8Array());
  }
  continueOutput(): Promise<void> {
    return Promise.resolve();
  }
}

let clock: ManualClock;
let spoolRoot: string;
let storage: Storage;
let ranks: readonly FakeRank[];
let live: boolean;
let agent: AgentCheckpoints;
const stopping = new AbortController();

beforeEach(async () => {
  [clock, storage, live] = [manualClock(), new Storage(), true];
  spoolRoot = await mkdtemp(join(tmpdir(), 'checkpoints-'));
  ranks = [new FakeRank(0), new FakeRank(1)];
  const vm = { domain: { activity: () => ({ mpiState: 'initialized' }) } };
  const known = ranks.map((rank) => ({ rank: rank.rank, vm: vm as never, program: rank.program(), inputs: new Map() }));
  const run: SavableRun = {
    ...{ jobId, attempt: 1, quiet: false, rooted: undefined, ranks: () => known },
    writtenBy: (rank) => ({ stdout: ranks[rank]?.output ?? 0n, stderr: 0n }),
    keptUpTo: () => Promise.resolve(),
  };
  const jobs = { run: (id: string, attempt: number) => (live && id === jobId && attempt === 1 ? run : undefined) };
  agent = new AgentCheckpoints({
    ...{ nodeId: 'node-0', clock, jobs, snapshots: storage, spoolRoot, busy: () => undefined, signal: stopping.signal },
  });
});
afterEach(() => rm(spoolRoot, { recursive: true, force: true }));

const stand = (checkpointId: string): Promise<readonly number[]> =>
  agent.standStill(create(migrationv1.StandStillRequestSchema, { checkpointId, jobId, attempt: 1, epoch: 7 }), 100);

async function take(checkpointId: string, base = ''): Promise<void> {
  await stand(checkpointId);
  await agent.capture(checkpointId, base);
  agent.goOn(checkpointId);
}

async function restored(checkpointId: string, rank: number): Promise<Uint8Array> {
  const from = { checkpointId, jobId, attempt: 1, epoch: 7 };
  const { regions } = await readRank(storage, from, rank, image);
  const memory = new Uint8Array(pages * page);
  await restoreRegions(
    regions,
    (digest) => storage.chunk(digest),
    () => memory,
    memory.length,
  );
  return memory;
}

const told = (): readonly (readonly string[])[] => ranks.map((rank) => rank.told);
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

describe('the ranks of a node', () => {
  it('stand, are captured, go on, and are stored as they were', async () => {
    const [first] = ranks;
    if (first === undefined) return;
    first.memory.fill(3, 0, 10 * page);
    first.files = [{ name: 'u.dat', text: 'heat' }];
    await take('ckpt-1');
    expect(told()).toEqual([
      ['stand', 'resume', 'same'],
      ['stand', 'resume', 'same'],
    ]);
    const before = first.memory.slice();
    first.memory.fill(4);
    first.files = [{ name: 'u.dat', text: 'cold' }];
    const saved = await agent.store('ckpt-1');
    expect(saved.map(({ rank, changedPages }) => [rank, changedPages])).toEqual([
      [0, 10],
      [1, 0],
    ]);
    expect(same(await restored('ckpt-1', 0), before)).toBe(true);
    const part = await readRank(storage, { checkpointId: 'ckpt-1', jobId, attempt: 1, epoch: 7 }, 0, image);
    expect(part.state).toMatchObject({ output: { stdout: 5n, stderr: 0n }, atSafepoint: true, program: { rank: 0, cpuNs: 3n } });
    expect(Buffer.from(await storage.chunk(part.files[0]?.chunks[0] ?? '')).toString()).toBe('heat');
  });

  it('store what has changed since the checkpoint that the next one builds on, whatever became of others', async () => {
    const [first] = ranks;
    if (first === undefined) return;
    first.memory.fill(3);
    await take('ckpt-1');
    await agent.store('ckpt-1');
    first.memory[0] = 9;
    await take('ckpt-2', 'ckpt-1');
    expect((await agent.store('ckpt-2'))[0]?.changedPages).toBe(1);
    // It came to nothing elsewhere: the next one builds on the first again.
    await agent.drop('ckpt-2');
    first.memory[page] = 9;
    await take('ckpt-3', 'ckpt-1');
    expect((await agent.store('ckpt-3'))[0]?.changedPages).toBe(2);
    expect(same(await restored('ckpt-3', 0), first.memory)).toBe(true);
    // Nothing is known of this one: all of it is stored, and storage has most of that.
    await take('ckpt-4', 'ckpt-of-another-node');
    expect((await agent.store('ckpt-4'))[0]?.changedPages).toBe(pages);
    expect(same(await restored('ckpt-4', 0), first.memory)).toBe(true);
  });

  it('run on when storage is full, and lose nothing of the next checkpoint', async () => {
    const [first] = ranks;
    if (first === undefined) return;
    first.memory.fill(3, 0, page);
    storage.full = true;
    await take('ckpt-1');
    await expect(agent.store('ckpt-1')).rejects.toThrow('there is no room');
    await agent.drop('ckpt-1');
    storage.full = false;
    first.memory.fill(5, page, 2 * page);
    await take('ckpt-2');
    await agent.store('ckpt-2');
    expect(same(await restored('ckpt-2', 0), first.memory)).toBe(true);
  });

  it('all go on when one of them does not stand still', async () => {
    for (const rank of ranks) rank.computes = rank.rank === 1;
    await expect(stand('ckpt-1')).rejects.toThrow('rank 1 of job-1 does not stand still: it computes');
    expect(told()[0]).toEqual(['stand', 'same']);
    for (const rank of ranks) rank.computes = false;
    expect(await stand('ckpt-2')).toEqual([0, 1]);
  });

  it('go on by themselves when nobody is heard of, and say that what was captured is worth nothing', async () => {
    await stand('ckpt-1');
    await agent.capture('ckpt-1', '');
    await clock.advance(patienceMs / 2);
    await agent.settle(clock.monotonic() - patienceMs);
    expect(told()[0]).not.toContain('same');
    await clock.advance(patienceMs);
    await agent.settle(clock.monotonic() - patienceMs);
    expect(told()[0]).toContain('same');
    expect(() => agent.goOn('ckpt-1')).toThrow(/have gone on by themselves/);
    await agent.drop('ckpt-1');
    await take('ckpt-2');
  });

  it('stand for one checkpoint at a time, and are told the same again', async () => {
    await stand('ckpt-1');
    expect(() => stand('ckpt-2')).toThrow(/checkpoint ckpt-1 is being taken/);
    expect(await stand('ckpt-1')).toEqual([0, 1]);
    expect(told()[0]).toEqual(['stand']);
    await agent.drop('ckpt-1');
    expect(told()[0]).toEqual(['stand', 'same']);
    expect(() => agent.goOn('ckpt-1')).toThrow(/knows nothing of checkpoint ckpt-1/);
  });

  it('of a run that is over are forgotten', async () => {
    await take('ckpt-1');
    live = false;
    await agent.settle(0);
    expect(() => agent.store('ckpt-1')).toThrow(/knows nothing/);
    expect(() => stand('ckpt-2')).toThrow(/attempt 1 of job-1 does not run on node-0/);
  });
});

describe('a part of a checkpoint', () => {
  const from = { checkpointId: 'ckpt-1', jobId, attempt: 1, epoch: 7 };

  it('that was damaged, or is of another rank, job or image, is refused by name', async () => {
    await take('ckpt-1');
    await agent.store('ckpt-1');
    await expect(readRank(storage, from, 0, `sha256:${'2'.repeat(64)}`)).rejects.toThrow(/rank 0 cannot go on from checkpoint ckpt-1/);
    await expect(readRank(storage, { ...from, jobId: 'job-2' }, 0, image)).rejects.toThrow(/not of rank 0 of job-2/);
    storage.parts.set('ckpt-1/0', await storage.part('ckpt-1', 1));
    await expect(readRank(storage, from, 0, image)).rejects.toThrow(/not of rank 0/);
    const [index = ''] = await storage.part('ckpt-1', 1);
    const bytes = Buffer.from(await storage.chunk(index));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    storage.chunks.set(index, bytes);
    await expect(readRank(storage, from, 1, image)).rejects.toThrow(/rank 1 cannot go on from checkpoint ckpt-1: the digest/);
    bytes.writeUInt32LE(3, 8);
    await expect(readRank(storage, from, 1, image)).rejects.toThrow(/has the version 3/);
  });
});
