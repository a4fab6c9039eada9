import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type Client } from '@connectrpc/connect';
import { digestOf } from '@verbena/chunk-store';
import { eventv1, storagev1 } from '@verbena/contracts';
import { createMemoryEventStore, type EventDatabase } from '@verbena/event-sourcing';
import { createInProcessBus, withCallContext } from '@verbena/messaging';
import type { RunningService } from '@verbena/service-kit';
import { testContext, type TestContext } from '@verbena/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startStorage } from './storage.ts';

let context: TestContext;
let store: EventDatabase;
let service: RunningService;
let chunks: Client<typeof storagev1.ChunkService>;
let output: Client<typeof storagev1.OutputService>;
let events: Client<typeof eventv1.EventService>;

beforeEach(async () => {
  context = await testContext();
  store = createMemoryEventStore();
  service = await startStorage(context, { store });
  chunks = context.bus.client(storagev1.ChunkService);
  output = context.bus.client(storagev1.OutputService);
  events = context.bus.client(eventv1.EventService);
});
afterEach(async () => {
  await service.stop();
  await context.dispose();
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (value: unknown): Uint8Array => bytes(JSON.stringify(value));
const failure = (call: Promise<unknown>): Promise<ConnectError> => call.then(() => expect.unreachable('it succeeded'), ConnectError.from);
const { STDOUT, STDERR } = storagev1.OutputStream;
const piece = (rank: number, offset: bigint, text: string, stream = STDOUT) => ({ rank, stream, offset, data: bytes(text) });

async function put(text: string): Promise<string> {
  const data = bytes(text);
  await chunks.putChunk({ digest: digestOf(data), data });
  return digestOf(data);
}

async function restart(): Promise<void> {
  await service.stop();
  service = await startStorage(context, { store });
}

describe('storage keeps chunks', () => {
  it('and has them after it was started again', async () => {
    const digest = await put('image');
    const other = digestOf(bytes('other'));
    await restart();
    expect((await chunks.missingChunks({ digests: [digest, other] })).digests).toEqual([other]);
    expect(Buffer.from((await chunks.getChunk({ digest })).data).toString()).toBe('image');
  });

  it('and refuses what is wrong, each with its code', async () => {
    const digest = digestOf(bytes('image'));
    expect((await failure(chunks.getChunk({ digest }))).code).toBe(Code.NotFound);
    expect((await failure(chunks.putChunk({ digest, data: bytes('other') }))).code).toBe(Code.InvalidArgument);
    expect((await failure(chunks.getChunk({ digest: '../../etc/passwd' }))).code).toBe(Code.InvalidArgument);
    expect((await failure(chunks.missingChunks({ digests: ['x'] }))).code).toBe(Code.InvalidArgument);
  });
});

describe('storage keeps output', () => {
  const all = async (request: { jobId: string; rank?: number; follow?: boolean }): Promise<string> => {
    let text = '';
    for await (const { pieces } of output.streamOutput(request)) {
      for (const { rank, stream, data } of pieces) text += `${rank}${stream === STDERR ? '!' : ''}:${Buffer.from(data).toString()} `;
    }
    return text.trim();
  };

  it('and streams it while it comes, until it is sealed', async () => {
    const following = all({ jobId: 'job-1', follow: true });
    await output.appendOutput({ jobId: 'job-1', pieces: [piece(0, 0n, 'a'), piece(1, 0n, 'b', STDERR)] });
    await output.appendOutput({ jobId: 'job-1', pieces: [piece(0, 0n, 'a'), piece(0, 1n, 'c')] });
    expect(await all({ jobId: 'job-1' })).toBe('0:a 1!:b 0:c');
    expect(await all({ jobId: 'job-1', rank: 1 })).toBe('1!:b');
    await output.sealOutput({ jobId: 'job-1' });
    await output.sealOutput({ jobId: 'job-1' });
    expect(await following).toBe('0:a 1!:b 0:c');
    await restart();
    expect(await all({ jobId: 'job-1', follow: true })).toBe('0:a 1!:b 0:c');
    expect(await all({ jobId: 'job-2' })).toBe('');
    const story = await store.readAll({ filter: { correlationId: 'job-1' } });
    expect(story.map(({ event }) => event)).toEqual([{ type: 'OutputSealed', data: { bytes: 32 * 3 + 3 } }]);
  });

  it('and ends those who follow a job that wrote nothing, without a file for it', async () => {
    const following = all({ jobId: 'job-3', follow: true });
    await output.sealOutput({ jobId: 'job-3' });
    expect(await following).toBe('');
    await restart();
    expect(await all({ jobId: 'job-3', follow: true })).toBe('');
    expect(await readdir(join(context.dataDir, 'output')).catch(() => [])).toEqual([]);
    const late = output.appendOutput({ jobId: 'job-3', pieces: [piece(0, 0n, 'late')] });
    expect((await failure(late)).code).toBe(Code.FailedPrecondition);
  });

  it('and refuses what is wrong', async () => {
    const append = (jobId: string, ...pieces: ReturnType<typeof piece>[]) => failure(output.appendOutput({ jobId, pieces }));
    expect((await append('../etc', piece(0, 0n, 'a'))).code).toBe(Code.InvalidArgument);
    expect((await append('job-1', piece(0, 5n, 'a'))).code).toBe(Code.OutOfRange);
    expect((await append('job-1', piece(70_000, 0n, 'a'))).code).toBe(Code.InvalidArgument);
    expect((await append('job-1', piece(0, 0n, 'a', storagev1.OutputStream.UNSPECIFIED))).code).toBe(Code.InvalidArgument);
    await output.sealOutput({ jobId: 'job-1' });
    expect((await append('job-1', piece(0, 0n, 'a'))).code).toBe(Code.FailedPrecondition);
    expect((await failure(all({ jobId: 'nonsense' }))).code).toBe(Code.InvalidArgument);
  });

  it('and lets many ranks of a job write and many people watch', async () => {
    const watchers = Array.from({ length: 4 }, () => all({ jobId: 'job-1', follow: true }));
    await Promise.all(
      Array.from({ length: 8 }, async (_, rank) => {
        for (let offset = 0n; offset < 20n; offset++) await output.appendOutput({ jobId: 'job-1', pieces: [piece(rank, offset, 'x')] });
      }),
    );
    await output.sealOutput({ jobId: 'job-1' });
    const [first, ...others] = await Promise.all(watchers);
    expect(first?.split(' ')).toHaveLength(160);
    for (const other of others) expect(other).toBe(first);
  });
});

describe('storage keeps files', () => {
  const file = (path: string, size: bigint, digests: string[], rank = 0) => ({
    file: { jobId: 'job-1', rank, path, size, chunks: digests },
  });
  const contentOf = async (path: string): Promise<string> => {
    let text = '';
    for await (const { data } of output.getFile({ jobId: 'job-1', rank: 0, path })) text += Buffer.from(data).toString();
    return text;
  };

  it('whose chunks it has, and gives them back in order', async () => {
    const [a, b] = [await put('hello '), await put('world')];
    await output.putFile(file('out/result.txt', 11n, [a, b]));
    await output.putFile(file('out/result.txt', 11n, [a, b]));
    await output.putFile(file('empty', 0n, [], 1));
    await restart();
    expect(await contentOf('out/result.txt')).toBe('hello world');
    const { files } = await output.listFiles({ jobId: 'job-1' });
    expect(files.map(({ rank, path, size }) => `${rank} ${path} ${size}`)).toEqual(['0 out/result.txt 11', '1 empty 0']);
    await output.putFile(file('out/result.txt', 5n, [b]));
    expect(await contentOf('out/result.txt')).toBe('world');
    expect((await output.listFiles({ jobId: 'job-1' })).files).toHaveLength(2);
    expect(await store.readStream('output-job-1')).toHaveLength(3);
  });

  it('under names that stay where they are put', async () => {
    for (const path of ['', '/etc/passwd', '../x', 'a/../../x', 'a//b', './a', 'a\\b', 'C:x', 'a\u0000b', 'a\nb', 'x'.repeat(1025)]) {
      expect((await failure(output.putFile(file(path, 0n, [])))).code, path).toBe(Code.InvalidArgument);
    }
  });

  it('only whole', async () => {
    const digest = await put('hello');
    expect((await failure(output.putFile(file('a', 6n, [digest])))).code).toBe(Code.InvalidArgument);
    expect((await failure(output.putFile(file('a', 5n, [digestOf(bytes('gone'))])))).code).toBe(Code.NotFound);
    expect((await failure(output.putFile({}))).code).toBe(Code.InvalidArgument);
    expect((await failure(contentOf('a'))).code).toBe(Code.NotFound);
  });
});

describe('storage gives node-agents the event log', () => {
  const append = (stream: string, expectedVersion: number, more: { commandId?: string; epoch?: bigint; correlationId?: string } = {}) =>
    events.appendEvents({
      stream,
      expectedVersion,
      events: [{ type: 'VmBooted', data: json({ node: 'node-0' }) }],
      actor: 'node-0',
      ...more,
    });

  it('to append the events of their VMs, once a command', async () => {
    expect(await append('vm-1', 0, { commandId: 'c1', correlationId: 'job-1', epoch: 3n })).toMatchObject({ version: 1, position: 1n });
    expect(await append('vm-1', 0, { commandId: 'c1', correlationId: 'job-1', epoch: 3n })).toMatchObject({ version: 1, position: 1n });
    const [recorded] = await store.readStream('vm-1');
    expect(recorded).toMatchObject({
      event: { type: 'VmBooted', data: { node: 'node-0' } },
      metadata: { actor: 'node-0', tenant: 'default', correlationId: 'job-1', epoch: 3 },
    });
  });

  it('with the trace and the tenant of the call', async () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await withCallContext({ actor: 'ada', tenant: 'physics', traceparent }, () => append('vm-1', 0));
    expect((await store.readStream('vm-1'))[0]?.metadata).toMatchObject({ actor: 'node-0', tenant: 'physics', traceparent });
    expect((await events.listEvents({ filter: { traceId: 'a'.repeat(32) } })).events).toHaveLength(1);
  });

  it('but refuses the late, the former owner, strangers’ streams and nonsense', async () => {
    await append('vm-1', 0, { epoch: 2n });
    const late = await failure(append('vm-1', 0, { epoch: 2n }));
    expect(late).toMatchObject({ code: Code.Aborted });
    expect(late.findDetails(eventv1.AppendEventsResponseSchema)).toMatchObject([{ version: 1 }]);
    expect(await failure(append('vm-1', 1, { epoch: 1n }))).toMatchObject({ code: Code.FailedPrecondition });
    expect(await failure(append('job-1', 0))).toMatchObject({ code: Code.PermissionDenied });
    for (const wrong of [
      { stream: 'vm-1', expectedVersion: 1, events: [] },
      { stream: 'vm-*', events: [{ type: 'A' }] },
      { stream: 'vm-2', events: [{ type: '' }] },
      { stream: 'vm-2', events: [{ type: 'A', data: bytes('{') }] },
      { stream: 'vm-2', events: [{ type: 'A', data: new Uint8Array([34, 255, 34]) }] },
      { stream: 'vm-2', events: [{ type: 'A', data: json('x'.repeat(1 << 20)) }] },
    ]) {
      expect(await failure(events.appendEvents(wrong))).toMatchObject({ code: Code.InvalidArgument });
    }
    expect(await store.readStream('vm-2')).toEqual([]);
  });

  it('and lets a node write the streams of its own VMs, under the epoch that it holds, and no others', async () => {
    const bus = createInProcessBus();
    const own = await startStorage({ ...context, bus }, { store });
    const metadata = { actor: 'scheduler', tenant: 'default' };
    const register = async (node: string, expectedVersion: number, epoch: number): Promise<unknown> =>
      store.append([{ stream: node, expectedVersion, events: [{ type: 'NodeRegistered', data: { epoch } }] }], { metadata });
    await register('node-0', 0, 1);
    await register('node-1', 0, 1);
    const as = (instance: string, request: MessageInitShape<typeof eventv1.AppendEventsRequestSchema>) =>
      bus
        .as({ caller: { service: 'node-agent', instance } })
        .client(eventv1.EventService)
        .appendEvents(request);
    const created = (nodeId: string) => [{ type: 'VmCreated', data: json({ nodeId }) }];
    const booted = [{ type: 'VmBooted', data: json({ seconds: 1 }) }];
    const denied = async (call: Promise<unknown>, why: string): Promise<void> =>
      expect(await failure(call)).toMatchObject({ code: Code.PermissionDenied, rawMessage: expect.stringContaining(why) });

    await denied(as('node-0', { stream: 'vm-9', events: created('node-1'), epoch: 1n }), 'the VM is of node node-1');
    await denied(as('node-0', { stream: 'vm-9', events: booted, epoch: 1n }), 'whose it is');
    await denied(as('node-0', { stream: 'vm-9', events: created('node-0'), epoch: 2n }), 'the epoch is 1, not 2');
    await denied(as('node-2', { stream: 'vm-9', events: created('node-2'), epoch: 1n }), 'not registered');
    await denied(as('node-0', { stream: 'vm-9', events: created('node-0'), epoch: 1n, actor: 'node-1' }), '"node-1"');
    await as('node-0', { stream: 'vm-9', events: created('node-0'), epoch: 1n, actor: 'node-0' });
    await denied(as('node-1', { stream: 'vm-9', expectedVersion: 1, events: booted, epoch: 1n }), 'the VM is of node node-0');
    await withCallContext({ actor: 'mallory', tenant: 'default' }, () =>
      as('node-0', { stream: 'vm-9', expectedVersion: 1, events: booted, epoch: 1n }),
    );
    await register('node-0', 1, 2);
    await as('node-0', { stream: 'vm-9', expectedVersion: 2, events: booted, epoch: 2n });
    expect((await store.readStream('vm-9')).map(({ event, metadata }) => `${event.type} by ${metadata.actor}`)).toEqual([
      'VmCreated by node-0',
      'VmBooted by node-0',
      'VmBooted by node-0',
    ]);

    // A migration gives it to node-1, under an epoch of its own; and later back.
    const handOver = async (nodeId: string, nodeEpoch: number, epoch: number): Promise<void> => {
      const event = { type: 'VmHandedOver', data: { migrationId: 'mig-2c6v8n', fromNodeId: '', nodeId, nodeEpoch } };
      const options = { metadata: { actor: 'migration-controller', tenant: 'default', epoch } };
      expect((await store.append([{ stream: 'vm-9', expectedVersion: 'any', events: [event] }], options)).ok).toBe(true);
    };
    await handOver('node-1', 1, 3);
    expect(await failure(as('node-0', { stream: 'vm-9', expectedVersion: 4, events: booted, epoch: 2n }))).toMatchObject({
      code: Code.FailedPrecondition,
    });
    await denied(as('node-0', { stream: 'vm-9', expectedVersion: 4, events: booted, epoch: 3n }), 'the VM is of node node-1');
    await denied(as('node-1', { stream: 'vm-9', expectedVersion: 4, events: booted, epoch: 1n }), 'is 3 since it was handed over, not 1');
    await as('node-1', { stream: 'vm-9', expectedVersion: 4, events: booted, epoch: 3n });
    await handOver('node-0', 2, 4);
    await as('node-0', { stream: 'vm-9', expectedVersion: 6, events: booted, epoch: 4n });
    await register('node-0', 2, 3);
    await denied(as('node-0', { stream: 'vm-9', expectedVersion: 7, events: booted, epoch: 5n }), 'not 5');
    await own.stop();
    await bus.close();
  });

  it('and gives everyone the log in pages, newest first if wanted, by job and by VM', async () => {
    for (let version = 0; version < 5; version++) await append('vm-1', version, { correlationId: version % 2 ? 'job-1' : 'job-2' });
    await append('vm-2', 0, { correlationId: 'job-1' });
    const positions = (listed: eventv1.ListEventsResponse): number[] => listed.events.map(({ position }) => Number(position));
    const first = await events.listEvents({ pageSize: 4 });
    expect([positions(first), first.nextAfterPosition]).toEqual([[1, 2, 3, 4], 4n]);
    const second = await events.listEvents({ pageSize: 4, afterPosition: first.nextAfterPosition });
    expect([positions(second), second.nextAfterPosition]).toEqual([[5, 6], 0n]);
    const newest = await events.listEvents({ pageSize: 4, descending: true });
    expect([positions(newest), newest.nextAfterPosition]).toEqual([[6, 5, 4, 3], 3n]);
    expect(positions(await events.listEvents({ descending: true, afterPosition: 3n }))).toEqual([2, 1]);
    expect(positions(await events.listEvents({ filter: { jobId: 'job-1' } }))).toEqual([2, 4, 6]);
    expect(positions(await events.listEvents({ filter: { vmId: 'vm-2' } }))).toEqual([6]);
    expect(positions(await events.listEvents({ filter: { stream: 'vm-*', types: ['VmBooted'] } }))).toHaveLength(6);
    const [event] = newest.events;
    expect(JSON.parse(Buffer.from(event?.data ?? []).toString())).toEqual({ node: 'node-0' });
  });

  it('and tells those who follow what comes, until they leave', async () => {
    await append('vm-1', 0);
    const seen: bigint[] = [];
    for await (const batch of events.followEvents({ filter: { stream: 'vm-*' } })) {
      seen.push(...batch.events.map(({ position }) => position));
      if (seen.length === 1) await append('vm-2', 0);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual([1n, 2n]);
  });

  it('and says that it is not ready when there is none', async () => {
    expect(await service.notReady()).toBeUndefined();
    await store.close();
    expect(await service.notReady()).toContain('the event log cannot be read');
  });
});
