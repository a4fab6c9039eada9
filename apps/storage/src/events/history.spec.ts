import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Client } from '@connectrpc/connect';
import { eventv1 } from '@verbena/contracts';
import { createMemoryEventStore, type EventDatabase } from '@verbena/event-sourcing';
import { withCallContext } from '@verbena/messaging';
import type { RunningService } from '@verbena/service-kit';
import { testContext, type TestContext } from '@verbena/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startStorage } from '../storage.ts';

let context: TestContext;
let store: EventDatabase;
let service: RunningService;
let events: Client<typeof eventv1.EventService>;

beforeEach(async () => {
  context = await testContext();
  store = createMemoryEventStore();
  service = await startStorage(context, { store });
  events = context.bus.client(eventv1.EventService);
});
afterEach(async () => {
  await service.stop();
  await context.dispose();
});

const failure = (call: Promise<unknown>): Promise<ConnectError> => call.then(() => expect.unreachable('it succeeded'), ConnectError.from);

describe('storage tells what the log has come to', () => {
  const metadata = { actor: 'ada', tenant: 'physics' };
  const vm = (id: string, ...types: [string, object][]) =>
    store.append([{ stream: id, expectedVersion: 'any', events: types.map(([type, data]) => ({ type, data })) }], { metadata });
  const created = { nodeId: 'node-0', imageDigest: 'sha256:0', memoryBytes: 1, vcpus: 1, tenant: 'physics', jobId: 'job-1' };
  const as = <T>(tenant: string, role: string, run: () => Promise<T>): Promise<T> =>
    withCallContext({ actor: 'somebody', tenant, roles: [role] }, run);

  beforeEach(async () => {
    await vm('vm-1', ['VmCreated', created], ['VmBooted', { seconds: 1 }]);
    await vm('vm-2', ['VmCreated', created]);
    await vm('vm-1', ['VmShutDown', { reason: 'evicted' }]);
  });

  it('now, in pages, to whom it concerns', async () => {
    const page = await events.listEntities({ model: 'vms', pageSize: 1 });
    expect(page.entities).toMatchObject([{ kind: 'vm', id: 'vm-2', status: 'booting', jobId: 'job-1', nodeId: 'node-0', version: 1 }]);
    const rest = await events.listEntities({ model: 'vms', pageSize: 1, pageToken: page.nextPageToken });
    expect(rest).toMatchObject({ entities: [{ id: 'vm-1', status: 'shut-down', ended: true, position: 4n }], nextPageToken: '' });
    expect((await events.listEntities({ model: 'vms', liveOnly: true })).entities).toHaveLength(1);
    expect(await as('physics', 'viewer', () => events.listEntities({ model: 'vms' }))).toMatchObject({ entities: [{}, {}] });
    expect((await as('chemistry', 'user', () => events.listEntities({ model: 'vms' }))).entities).toEqual([]);
    expect(await failure(events.listEntities({ model: 'cats' }))).toMatchObject({ code: Code.NotFound });
    expect(await failure(events.listEntities({ pageToken: 'x' }))).toMatchObject({ code: Code.InvalidArgument });
  });

  it('and at any moment before', async () => {
    const at = async (position: bigint, id = ''): Promise<string[]> =>
      (await events.getStateAt({ moment: { case: 'position', value: position }, id })).entities.map((one) => `${one.id} ${one.status}`);
    expect(await at(0n)).toEqual([]);
    expect(await at(1n)).toEqual(['vm-1 booting']);
    expect(await at(3n)).toEqual(['vm-1 idle', 'vm-2 booting']);
    expect(await at(3n, 'vm-1')).toEqual(['vm-1 idle']);
    const now = await events.getStateAt({});
    expect(now.entities.map(({ id, status }) => `${id} ${status}`)).toEqual(['vm-1 shut-down', 'vm-2 booting']);
    const [, , third] = await store.readAll();
    const time = timestampFromDate(third?.time ?? new Date(0));
    expect((await events.getStateAt({ moment: { case: 'time', value: time } })).position).toBe(3n);
    expect((await events.getStateAt({ liveOnly: true })).entities).toMatchObject([{ id: 'vm-2' }]);
    expect(JSON.parse(Buffer.from(now.entities[1]?.state ?? []).toString())).toMatchObject({ status: 'booting', vcpus: 1 });
  });

  it('but nothing that is another tenant’s, has not come yet, or never was', async () => {
    expect((await as('chemistry', 'operator', () => events.getStateAt({}))).entities).toEqual([]);
    expect(await failure(as('chemistry', 'operator', () => events.getStateAt({ id: 'vm-1' })))).toMatchObject({ code: Code.NotFound });
    for (const id of ['vm-9', 'stranger-1']) expect(await failure(events.getStateAt({ id }))).toMatchObject({ code: Code.NotFound });
    const early = { moment: { case: 'position' as const, value: 2n }, id: 'vm-2' };
    expect(await failure(events.getStateAt(early))).toMatchObject({ code: Code.NotFound });
    expect(await failure(events.getStateAt({ moment: { case: 'position', value: 5n } }))).toMatchObject({ code: Code.InvalidArgument });
  });

  it('and builds it again, with the same outcome', async () => {
    const { models, head } = await events.listReadModels({});
    expect(head).toBe(4n);
    expect(models.map(({ name }) => name)).toContain('vms');
    const steps: eventv1.ReplayReadModelResponse['step'][] = [];
    for await (const { step } of events.replayReadModel({ name: 'vms' })) steps.push(step);
    const last = steps.at(-1);
    expect(last).toMatchObject({ case: 'outcome', value: { name: 'vms', rows: 2n, events: 4n, position: 4n, swapped: true } });
    if (last?.case === 'outcome') expect(last.value.rebuiltHash).toBe(last.value.liveHash);
    const unknown = (async () => {
      for await (const _ of events.replayReadModel({ name: 'cats' })) expect.unreachable();
    })();
    expect(await failure(unknown)).toMatchObject({ code: Code.NotFound });
  });
});
