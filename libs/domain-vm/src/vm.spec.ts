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
