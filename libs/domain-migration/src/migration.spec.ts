import { given } from '@verbena/event-sourcing/testing';
import { describe, expect, it } from 'vitest';
import {
  decideMigration,
  evolveMigration,
  migrationDecider,
  noMigration,
  obstacles,
  type MigratingVm,
  type MigrationCommand,
  type MigrationEvent,
  type MigrationState,
  type TargetNode,
} from './index.ts';

const vm: MigratingVm = { id: 'vm-a', nodeId: 'node-0', up: true, state: 'running', vcpus: 1, memoryBytes: 100, bypassAdapter: false };
const target: TargetNode = { id: 'node-1', closed: undefined, freeCores: 1, freeMemoryBytes: 100 };

describe('what stands against a migration', () => {
  it('is nothing, for a VM without a bypass adapter and a node with room', () => {
    expect(obstacles(vm, 'node-1', target)).toEqual([]);
  });

  it.each<[string, Partial<MigratingVm>, string, TargetNode | undefined, RegExp]>([
    ['a bypass adapter (R50)', { bypassAdapter: true }, 'node-1', target, /bypass adapter attached/],
    ['a VM that is gone', { up: false, state: 'shut-down' }, 'node-1', target, /is shut-down/],
    ['the node it is on', {}, 'node-0', undefined, /on node-0 already/],
    ['a node that does not exist', {}, 'node-9', undefined, /no node "node-9"/],
    ['no node', {}, '', undefined, /no target node/],
    ['a drained node', {}, 'node-1', { ...target, closed: 'drained' }, /is drained/],
    ['a full node', {}, 'node-1', { ...target, freeCores: 0 }, /0 free cores/],
    ['a node without memory', {}, 'node-1', { ...target, freeMemoryBytes: 10 }, /10 bytes of memory free; the VM needs 100/],
  ])('%s', (_what, change, targetId, node, expected) => {
    expect(obstacles({ ...vm, ...change }, targetId, node)).toEqual([expect.stringMatching(expected)]);
  });

  it('is all there is, not just the first', () => {
    expect(obstacles({ ...vm, bypassAdapter: true }, 'node-1', { ...target, closed: 'drained', freeCores: 0 })).toHaveLength(3);
  });
});

describe('a requested migration', () => {
  const request = { type: 'RequestMigration' as const, at: 5, data: { vm, targetNodeId: 'node-1', target } };
  const route = { vmId: 'vm-a', sourceNodeId: 'node-0', targetNodeId: 'node-1' };
  const planned: MigrationEvent = { type: 'MigrationPlanned', data: { ...route, at: 5 } };

  it('is planned, or refused with every obstacle', () => {
    given(migrationDecider).when(request).then(planned);
    given(migrationDecider)
      .when({ ...request, data: { ...request.data, vm: { ...vm, bypassAdapter: true } } })
      .thenState((state) => expect(state).toMatchObject({ status: 'refused', obstacles: [expect.stringContaining('bypass')] }));
  });

  it('cannot be requested twice', () => {
    given(migrationDecider, [planned]).when(request).thenRefused('already-requested');
    given(migrationDecider, [{ type: 'MigrationRefused', data: { ...route, obstacles: [], at: 5 } }])
      .when(request)
      .thenRefused('already-requested');
  });
});

describe('a migration with the help of the guests', () => {
  const at = 100;
  const route = { vmId: 'vm-a', sourceNodeId: 'node-0', targetNodeId: 'node-1' };
  const plan = {
    jobId: 'job-1',
    rank: 0,
    attempt: 1,
    tenant: 'physics',
    mode: 'precopy' as const,
    limitBytesPerSecond: 0,
    fence: 4,
    targetEpoch: 2,
    vcpus: 1,
    memoryBytes: 100,
    imageDigest: 'sha256:0',
    reason: 'asked for',
  };
  const request = (given: MigratingVm): MigrationCommand => ({
    type: 'RequestMigration',
    at,
    data: { vm: given, targetNodeId: 'node-1', target, guestAssisted: plan },
  });
  const copy = { pages: 10, bytes: 1000, ms: 5 };
  const started: MigrationEvent = { type: 'MigrationStarted', data: { ...plan, ...route, at } };
  const round: MigrationEvent = { type: 'MigrationRoundDone', data: { ...copy, round: 1, left: 2, at: 110 } };
  const quiescing: MigrationEvent = { type: 'MigrationQuiescing', data: { at: 112 } };
  const suspended: MigrationEvent = { type: 'MigrationSuspended', data: { pages: 2, bytes: 200, ms: 3, at: 120 } };
  const handedOver: MigrationEvent = { type: 'MigrationHandedOver', data: { epoch: 4, at: 125 } };
  const undoing: MigrationEvent = { type: 'MigrationUndoing', data: { cause: 'cancelled', reason: 'no more', at: 121 } };
  const fold = (events: readonly MigrationEvent[]): MigrationState => events.reduce(evolveMigration, noMigration);

  it('starts in spite of a bypass adapter (R50, R51), and for no other reason that stands against it', () => {
    given(migrationDecider)
      .when(request({ ...vm, bypassAdapter: true }))
      .then(started);
    given(migrationDecider)
      .when(request({ ...vm, up: false, state: 'idle' }))
      .thenState((state) => expect(state).toMatchObject({ status: 'refused', obstacles: [expect.stringContaining('is idle')] }));
  });

  it('tells what was sent, and how long the VM stood', () => {
    given(migrationDecider, [started, round, quiescing, suspended, handedOver])
      .when({ type: 'CompleteMigration', at: 130, data: {} })
      .then({
        type: 'MigrationCompleted',
        data: { rounds: 1, pages: 12, bytes: 1200, downtimeMs: 13, pauseMs: 18, totalMs: 30, at: 130 },
      });
  });

  it('counts nobody as standing who has been told to go on', () => {
    given(migrationDecider, [started, round, quiescing, suspended, handedOver])
      .when({ type: 'CompleteMigration', at: 130, data: { releasedAt: 127 } })
      .then({
        type: 'MigrationCompleted',
        data: { rounds: 1, pages: 12, bytes: 1200, downtimeMs: 10, pauseMs: 15, totalMs: 30, at: 130 },
      });
  });

  const histories: Readonly<Record<MigrationState['status'], readonly MigrationEvent[]>> = {
    none: [],
    planned: [{ type: 'MigrationPlanned', data: { ...route, at } }],
    refused: [{ type: 'MigrationRefused', data: { ...route, obstacles: [], at } }],
    copying: [started, round],
    suspended: [started, suspended],
    'handed-over': [started, suspended, handedOver],
    undoing: [started, undoing],
    completed: [
      started,
      suspended,
      handedOver,
      { type: 'MigrationCompleted', data: { rounds: 0, pages: 2, bytes: 200, downtimeMs: 1, pauseMs: 1, totalMs: 1, at } },
    ],
    failed: [started, suspended, handedOver, { type: 'MigrationFailed', data: { reason: 'lost', at } }],
    cancelled: [started, undoing, { type: 'MigrationCancelled', data: { reason: 'no more', at } }],
  };
  const commands: readonly MigrationCommand[] = [
    { type: 'RecordRound', at, data: { ...copy, round: 2, left: 0 } },
    { type: 'BeginQuiesce', at, data: {} },
    { type: 'RecordSuspension', at, data: copy },
    { type: 'HandOver', at, data: { epoch: 4 } },
    { type: 'CompleteMigration', at, data: {} },
    { type: 'UndoMigration', at, data: { cause: 'failed', reason: 'r' } },
    { type: 'FinishUndo', at, data: {} },
    { type: 'LoseMigration', at, data: { reason: 'r' } },
  ];
  /** The event that a command gives, by state; '' for none; what is not named is refused. */
  const allowed: Readonly<Record<string, Readonly<Partial<Record<MigrationState['status'], MigrationEvent['type'] | ''>>>>> = {
    RecordRound: { copying: 'MigrationRoundDone' },
    BeginQuiesce: { copying: 'MigrationQuiescing' },
    RecordSuspension: { copying: 'MigrationSuspended', suspended: '' },
    HandOver: { suspended: 'MigrationHandedOver', 'handed-over': '' },
    CompleteMigration: { 'handed-over': 'MigrationCompleted', completed: '' },
    UndoMigration: {
      copying: 'MigrationUndoing',
      suspended: 'MigrationUndoing',
      undoing: '',
      completed: '',
      failed: '',
      cancelled: '',
    },
    FinishUndo: { undoing: 'MigrationCancelled' },
    LoseMigration: { 'handed-over': 'MigrationFailed' },
  };
  const cells = Object.keys(histories).flatMap((status) =>
    commands.map((command) => [command.type, status as MigrationState['status'], command] as const),
  );

  it.each(cells)('%s when %s', (type, status, command) => {
    const state = fold(histories[status]);
    expect(state.status).toBe(status);
    const decision = decideMigration(command, state);
    const expected = allowed[type]?.[status];
    if (expected === undefined) expect(decision.ok).toBe(false);
    else expect(decision).toMatchObject({ ok: true, events: expected === '' ? [] : [{ type: expected }] });
  });

  it('writes each round down once', () => {
    const again: MigrationCommand = { type: 'RecordRound', at, data: { ...copy, round: 1, left: 2 } };
    expect(decideMigration(again, fold([started, round]))).toEqual({ ok: true, events: [] });
  });
});
