/** Agents whose controller is gone: they ask the log, and all come to the same. */
import { eventv1 } from '@verbena/contracts';
import { vmDecider, type VmCommand, type VmEvent } from '@verbena/domain-vm';
import { createMemoryEventStore, handle, type EventStore } from '@verbena/event-sourcing';
import type { DomainEvent } from '@verbena/event-sourcing';
import { testContext, type TestContext } from '@verbena/service-kit/testing';
import type { ServiceImpl } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VmLog, type VmLogOptions } from '../vms/vm-log.ts';
import type { AgentMigrations, Standing } from './agent-migrations.ts';
import { settleLeftAlone } from './left-alone.ts';

const migrationId = 'mig-2c6v8n';
const vmId = 'vm-4x8t1z';
const created = { nodeId: 'node-0', imageDigest: 'sha256:0', memoryBytes: 1, vcpus: 1, tenant: 'default', jobId: 'job-1' };

let context: TestContext;
let store: EventStore;
beforeEach(async () => {
  context = await testContext();
  store = createMemoryEventStore();
  await context.bus.serve(eventv1.EventService, eventLog() as ServiceImpl<typeof eventv1.EventService>);
  for (const event of [
    { type: 'VmCreated', data: created },
    { type: 'VmBooted', data: { seconds: 0 } },
    { type: 'VmStarted', data: { jobId: 'job-1', rank: 0 } },
  ])
    await append(vmId, event);
});
afterEach(() => context.dispose());

async function append(stream: string, event: DomainEvent, epoch = 1): Promise<void> {
  const metadata = { actor: 'test', tenant: 'default', epoch };
  expect((await store.append([{ stream, expectedVersion: 'any', events: [event] }], { metadata })).ok).toBe(true);
}

function eventLog(): Partial<ServiceImpl<typeof eventv1.EventService>> {
  const bytes = (data: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(data));
  return {
    async listEvents({ filter }) {
      const found = await store.readAll({ filter: { stream: filter?.stream ?? '', ...(filter?.types.length && { types: filter.types }) } });
      return { events: found.map(({ stream, version, event }) => ({ stream, version, type: event.type, data: bytes(event.data) })) };
    },
    async appendEvents({ stream, expectedVersion, events, epoch }) {
      const parsed = events.map(({ type, data }) => ({ type, data: JSON.parse(new TextDecoder().decode(data)) as unknown }));
      const metadata = { actor: 'test', tenant: 'default', epoch: Number(epoch) };
      const result = await store.append([{ stream, expectedVersion, events: parsed }], { metadata });
      if (!result.ok) throw new Error(result.reason);
      return { version: expectedVersion + events.length, position: 0n };
    },
  };
}

/** A node that stands still for the migration, and what it does when it has decided. */
function node(nodeId: string) {
  const did: string[] = [];
  const vmLog: VmLogOptions = {
    bus: context.bus,
    clock: context.clock,
    signal: new AbortController().signal,
    actor: nodeId,
    epoch: () => 1n,
  };
  const log = new VmLog(vmId, 'default', vmLog);
  const standing = { migrationId, vmId, jobId: 'job-1', attempt: 1, epoch: 7, done: Promise.resolve([0]), heard: 1 } satisfies Standing;
  const note =
    (what: string) =>
    (...args: readonly unknown[]): Promise<void> => {
      did.push(`${what} ${args.filter((arg) => arg === 'same' || arg === 'new-adapter').join('')}`.trim());
      return Promise.resolve();
    };
  const migrations = {
    parts: { nodeId, vms: { get: () => ({ log }) } },
    standing: new Map([['job-1', standing]]),
    coming: new Map(),
    release: note('release'),
    settled: note('settled'),
    discard: note('discard'),
    abort: note('abort'),
    resume: note('resume'),
  } as unknown as AgentMigrations;
  const options = { migrations, bus: context.bus, log: context.log, vmLog, signal: new AbortController().signal };
  return {
    did,
    /** Of what was not heard of since then; everything that stands was heard of at 1. */
    async settle(since = 2): Promise<readonly string[]> {
      // It has read its own stream before, as it has written it.
      await log.read();
      await settleLeftAlone(options, since);
      return did;
    },
  };
}

const stays = ['abort', 'resume', 'release same'];
const moves = ['release new-adapter', 'settled', 'discard'];
const handOver: VmEvent = { type: 'VmHandedOver', data: { migrationId, fromNodeId: 'node-0', nodeId: 'node-2', nodeEpoch: 1 } };

describe('nodes that the controller has left alone', () => {
  it('go on with the move when the VM has been handed over', async () => {
    await append(vmId, handOver, 2);
    for (const nodeId of ['node-0', 'node-1', 'node-2']) expect(await node(nodeId).settle()).toEqual(moves);
  });

  it('wait for the source, which calls it off; from there on all stay, and no hand-over is possible', async () => {
    const bystander = node('node-1');
    expect(await bystander.settle()).toEqual([]);
    expect(await node('node-0').settle()).toEqual(stays);
    expect(await bystander.settle()).toEqual(stays);
    expect(await node('node-2').settle()).toEqual(stays);
    const command: VmCommand = { type: 'HandOverVm', data: handOver.data };
    const metadata = { actor: 'migration-controller', tenant: 'default', epoch: 2 };
    expect(await handle(store, vmDecider, (id: string) => id).execute(vmId, command, { metadata })).toMatchObject({
      ok: false,
      reason: 'stayed',
    });
  });

  it('stay when the migration is being undone, or the VM has ended', async () => {
    await append(migrationId, { type: 'MigrationUndoing', data: { cause: 'failed', reason: 'r', at: 1 } });
    expect(await node('node-1').settle()).toEqual(stays);
    await append(vmId, { type: 'VmLost', data: { reason: 'gone' } });
    expect(await node('node-2').settle()).toEqual(stays);
  });

  it('do nothing about a controller that is still heard of', async () => {
    await append(vmId, handOver, 2);
    expect(await node('node-0').settle(0)).toEqual([]);
  });

  it('come to one decision also when hand-over and calling off meet', async () => {
    const source = node('node-0');
    const [, settled] = await Promise.allSettled([append(vmId, handOver, 2), source.settle()]);
    const first = settled.status === 'fulfilled' ? settled.value : [];
    const last = (await store.readStream(vmId)).at(-1)?.event.type;
    // Whoever lost the race asks again.
    const decided = first.length > 0 ? first : await node('node-0').settle();
    expect([last, decided]).toEqual(last === 'VmHandedOver' ? ['VmHandedOver', moves] : ['VmStayed', stays]);
  });
});
