import { describe, expect, it } from 'vitest';
import { decideVm, evolveVm, isLive, noVm, type VmCommand, type VmEvent, type VmState } from './index.ts';

const created: VmEvent = {
  type: 'VmCreated',
  data: { nodeId: 'node-0', imageDigest: 'sha256:0', memoryBytes: 1, vcpus: 1, tenant: 'physics', jobId: 'job-1' },
};
const booted: VmEvent = { type: 'VmBooted', data: { seconds: 0.1 } };
const started: VmEvent = { type: 'VmStarted', data: { jobId: 'job-2', rank: 3 } };

const histories: Readonly<Record<VmState['status'], readonly VmEvent[]>> = {
  none: [],
  booting: [created],
  idle: [created, booted],
  running: [created, booted, started],
  'shut-down': [created, { type: 'VmShutDown', data: { reason: 'r' } }],
  crashed: [created, booted, started, { type: 'VmCrashed', data: { detail: 'd' } }],
  lost: [created, { type: 'VmLost', data: { reason: 'r' } }],
};

const commands: readonly VmCommand[] = [
  { type: 'CreateVm', data: created.data },
  { type: 'RecordBoot', data: booted.data },
  { type: 'StartProgram', data: started.data },
  { type: 'ReleaseVm', data: { jobId: 'job-2' } },
  { type: 'CrashVm', data: { detail: 'd' } },
  { type: 'ShutDownVm', data: { reason: 'r' } },
  { type: 'LoseVm', data: { reason: 'r' } },
  { type: 'HandOverVm', data: { migrationId: 'mig-1', fromNodeId: 'node-0', nodeId: 'node-1', nodeEpoch: 4 } },
  { type: 'KeepVm', data: { migrationId: 'mig-1', reason: 'r' } },
  { type: 'SetShare', data: { weight: 4, bytesPerSecond: 2_000_000, by: 'ada' } },
  { type: 'DetachFunction', data: { by: 'ada' } },
  { type: 'AttachFunction', data: { by: 'ada' } },
  { type: 'SetPartition', data: { partition: 0x7001, membership: 'limited', by: 'ada' } },
];

/** The event that a command gives, by state; what is not named is refused. */
const allowed: Readonly<Record<VmCommand['type'], Readonly<Partial<Record<VmState['status'], VmEvent['type'] | ''>>>>> = {
  CreateVm: { none: 'VmCreated' },
  RecordBoot: { booting: 'VmBooted' },
  StartProgram: { idle: 'VmStarted' },
  ReleaseVm: { running: 'VmIdle' },
  CrashVm: { booting: 'VmCrashed', idle: 'VmCrashed', running: 'VmCrashed' },
  ShutDownVm: { booting: 'VmShutDown', idle: 'VmShutDown', running: 'VmShutDown', 'shut-down': '', crashed: '', lost: '' },
  LoseVm: { booting: 'VmLost', idle: 'VmLost', running: 'VmLost', 'shut-down': '', crashed: '', lost: '' },
  HandOverVm: { running: 'VmHandedOver' },
  SetShare: { running: 'VmShareSet' },
  DetachFunction: { running: 'VmFunctionDetached' },
  AttachFunction: { running: '' },
  SetPartition: { running: 'VmPartitionSet' },
  KeepVm: { booting: 'VmStayed', idle: 'VmStayed', running: 'VmStayed' },
};

const fold = (events: readonly VmEvent[]): VmState => events.reduce(evolveVm, noVm);

describe('a VM', () => {
  const cells = Object.keys(histories).flatMap((status) =>
    commands.map((command) => [command.type, status as VmState['status'], command] as const),
  );

  it.each(cells)('%s when %s', (type, status, command) => {
    const state = fold(histories[status]);
    expect(state.status).toBe(status);
    const decision = decideVm(command, state);
    const expected = allowed[type][status];
    if (expected === undefined) expect(decision.ok).toBe(false);
    else expect(decision).toMatchObject({ ok: true, events: expected === '' ? [] : [{ type: expected, data: command.data }] });
  });

  it('is with the job that it ran last, and keeps what it was made of', () => {
    expect(fold([...histories.running, { type: 'VmIdle', data: { jobId: 'job-2' } }])).toEqual({
      status: 'idle',
      ...created.data,
      jobId: 'job-2',
    });
    expect(fold(histories.running)).toMatchObject({ rank: 3, jobId: 'job-2', tenant: 'physics' });
  });

  it('lives until it has ended', () => {
    expect(Object.keys(histories).filter((status) => isLive(fold(histories[status as VmState['status']])))).toEqual([
      'booting',
      'idle',
      'running',
    ]);
  });
});

describe('what a VM gets of its port', () => {
  const share = { weight: 4, bytesPerSecond: 2_000_000 };
  const running = fold([...histories.running, { type: 'VmShareSet', data: { ...share, by: 'ada' } }]);

  it('is set once, goes with it to another node, and ends with the program', () => {
    expect(decideVm({ type: 'SetShare', data: { ...share, by: 'grace' } }, running)).toEqual({ ok: true, events: [] });
    const moved = evolveVm(running, {
      type: 'VmHandedOver',
      data: { migrationId: 'mig-1', fromNodeId: 'node-0', nodeId: 'node-1', nodeEpoch: 4 },
    });
    expect(moved).toMatchObject({ nodeId: 'node-1', share });
    expect(evolveVm(moved, { type: 'VmIdle', data: { jobId: 'job-2' } })).not.toHaveProperty('share');
  });

  it.each([
    [0, 0],
    [256, 0],
    [1.5, 0],
    [1, 999],
    [1, -1],
    [1, 67_108_864_001],
    [Number.NaN, 0],
  ])('cannot be weight %d with %d bytes a second', (weight, bytesPerSecond) => {
    expect(decideVm({ type: 'SetShare', data: { weight, bytesPerSecond, by: 'ada' } }, running)).toMatchObject({
      ok: false,
      reason: 'bad-share',
    });
  });
});

describe('the adapter of a VM', () => {
  const detached = fold([...histories.running, { type: 'VmFunctionDetached', data: { by: 'ada' } }]);

  it('is taken away once, given back once, and there again for the next program', () => {
    expect(detached).toMatchObject({ detached: true });
    expect(decideVm({ type: 'DetachFunction', data: { by: 'grace' } }, detached)).toEqual({ ok: true, events: [] });
    const back = { type: 'VmFunctionAttached', data: { by: 'ada' } } as const;
    expect(decideVm({ type: 'AttachFunction', data: { by: 'ada' } }, detached)).toEqual({ ok: true, events: [back] });
    expect(evolveVm(detached, back)).toMatchObject({ detached: false });
    expect(evolveVm(detached, { type: 'VmIdle', data: { jobId: 'job-2' } })).not.toHaveProperty('detached');
  });
});

describe('a partition beside the job’s', () => {
  const set = (partition: number, membership: 'full' | 'limited' | 'none') =>
    ({ type: 'SetPartition', data: { partition, membership, by: 'ada' } }) as const;
  const member = fold([...histories.running, { type: 'VmPartitionSet', data: set(0x7001, 'limited').data }]);

  it('is entered, changed and left, and over with the program', () => {
    expect(member).toMatchObject({ partitions: [{ partition: 0x7001, membership: 'limited' }] });
    expect(decideVm(set(0x7001, 'limited'), member)).toEqual({ ok: true, events: [] });
    expect(decideVm(set(0x7002, 'none'), member)).toEqual({ ok: true, events: [] });
    const full = evolveVm(member, { type: 'VmPartitionSet', data: set(0x7001, 'full').data });
    expect(full).toMatchObject({ partitions: [{ partition: 0x7001, membership: 'full' }] });
    expect(evolveVm(full, { type: 'VmPartitionSet', data: set(0x7001, 'none').data })).toMatchObject({ partitions: [] });
    expect(evolveVm(full, { type: 'VmIdle', data: { jobId: 'job-2' } })).not.toHaveProperty('partitions');
  });

  it.each([0, 1, 0x6fff, 0x7fff, 0xf001, 1.5])('cannot be %d, which is of jobs or none', (partition) => {
    expect(decideVm(set(partition, 'full'), member)).toMatchObject({ ok: false, reason: 'bad-partition' });
  });
});

describe('a VM that moves', () => {
  const handOver = { migrationId: 'mig-1', fromNodeId: 'node-0', nodeId: 'node-1', nodeEpoch: 4 };
  const moved = [...histories.running, { type: 'VmHandedOver', data: handOver } as const];

  it('belongs to one node at any time: handed over once, and only by the one that has it', () => {
    expect(fold(moved)).toMatchObject({ status: 'running', rank: 3, nodeId: 'node-1', nodeEpoch: 4, movedBy: 'mig-1' });
    expect(decideVm({ type: 'HandOverVm', data: handOver }, fold(moved))).toEqual({ ok: true, events: [] });
    const other = { ...handOver, migrationId: 'mig-2' };
    expect(decideVm({ type: 'HandOverVm', data: other }, fold(moved))).toMatchObject({ ok: false, reason: 'wrong-state' });
    expect(decideVm({ type: 'HandOverVm', data: { ...other, fromNodeId: 'node-1' } }, fold(moved))).toMatchObject({ ok: true });
  });

  it('stays for good when its owner has called the migration off, and cannot stay when it is gone', () => {
    const keep = { type: 'KeepVm', data: { migrationId: 'mig-1', reason: 'silence' } } as const;
    const stayed = fold([...histories.running, { type: 'VmStayed', data: keep.data }]);
    expect(decideVm({ type: 'HandOverVm', data: handOver }, stayed)).toMatchObject({ ok: false, reason: 'stayed' });
    expect(decideVm(keep, stayed)).toEqual({ ok: true, events: [] });
    expect(decideVm(keep, fold(moved))).toMatchObject({ ok: false, reason: 'handed-over' });
    expect(decideVm({ type: 'HandOverVm', data: { ...handOver, migrationId: 'mig-2' } }, stayed)).toMatchObject({ ok: true });
  });

  it('is not lost with a node that it has left', () => {
    const lose = (nodeId: string) => decideVm({ type: 'LoseVm', data: { reason: 'r', nodeId } }, fold(moved));
    expect(lose('node-0')).toEqual({ ok: true, events: [] });
    expect(lose('node-1')).toMatchObject({ ok: true, events: [{ type: 'VmLost', data: { reason: 'r' } }] });
  });

  it('remembers who moved it through whatever follows', () => {
    expect(fold([...moved, { type: 'VmIdle', data: { jobId: 'job-2' } }])).toMatchObject({
      status: 'idle',
      nodeId: 'node-1',
      nodeEpoch: 4,
    });
  });
});
