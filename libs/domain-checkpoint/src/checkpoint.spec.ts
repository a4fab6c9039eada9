import { given } from '@verbena/event-sourcing/testing';
import { describe, expect, it } from 'vitest';
import {
  checkpointDecider,
  decideCheckpoint,
  evolveCheckpoint,
  noCheckpoint,
  superfluous,
  type CheckpointCommand,
  type CheckpointEvent,
  type CheckpointState,
  type StoredCheckpoint,
} from './index.ts';

const at = 100;
const plan = { jobId: 'job-1', tenant: 'physics', attempt: 1, number: 1, ranks: 2, base: '', reason: 'asked for' };
const part = { bytes: 5_000, newBytes: 4_000, changedPages: 1 };
const parts = [0, 1].map((rank) => ({ rank, ...part }));
const stood = [0, 1].map((rank) => ({ rank, ms: 3 }));
const started: CheckpointEvent = { type: 'CheckpointStarted', data: { ...plan, at } };
const quiescing: CheckpointEvent = { type: 'CheckpointQuiescing', data: { nodeIds: ['node-0'], at: 110 } };
const taken: CheckpointEvent = { type: 'CheckpointTaken', data: { epoch: 7, pauseMs: 10, stood, at: 120 } };
const stored: CheckpointEvent = {
  type: 'CheckpointStored',
  data: { bytes: 10_000, newBytes: 8_000, changedPages: 2, ranks: parts, at: 130 },
};
const undoing: CheckpointEvent = { type: 'CheckpointUndoing', data: { cause: 'failed', reason: 'storage is full', at } };
const removing: CheckpointEvent = { type: 'CheckpointRemoving', data: { reason: 'too many', at } };
const fold = (events: readonly CheckpointEvent[]): CheckpointState => events.reduce(evolveCheckpoint, noCheckpoint);

describe('a checkpoint', () => {
  it('counts when the parts of all ranks are stored, and tells what they came to', () => {
    given(checkpointDecider, [started, quiescing])
      .when({ type: 'RecordTaken', at: 120, data: { epoch: 7, stood } })
      .then(taken);
    given(checkpointDecider, [started, quiescing, taken])
      .when({ type: 'RecordStored', at: 130, data: { ranks: parts } })
      .then(stored);
  });

  it.each([
    ['lacks a rank', [{ rank: 0 }], /rank 1 of 2 is missing/],
    ['has one twice', [{ rank: 0 }, { rank: 0 }], /named twice/],
    ['has one too many', [{ rank: 0 }, { rank: 1 }, { rank: 2 }], /3 ranks, not 2/],
  ])('that %s is none', (_what, ranks, why) => {
    const saved = ranks.map(({ rank }) => ({ rank, ...part }));
    for (const decision of [
      decideCheckpoint(
        { type: 'RecordTaken', at, data: { epoch: 7, stood: ranks.map(({ rank }) => ({ rank, ms: 1 })) } },
        fold([started, quiescing]),
      ),
      decideCheckpoint({ type: 'RecordStored', at, data: { ranks: saved } }, fold([started, quiescing, taken])),
    ])
      expect(decision).toMatchObject({ ok: false, reason: 'incomplete', detail: expect.stringMatching(why) as string });
  });

  const histories: Readonly<Record<CheckpointState['status'], readonly CheckpointEvent[]>> = {
    none: [],
    standing: [started, quiescing],
    storing: [started, quiescing, taken],
    stored: [started, quiescing, taken, stored],
    undoing: [started, undoing],
    failed: [started, undoing, { type: 'CheckpointFailed', data: { reason: 'r', at } }],
    cancelled: [started, undoing, { type: 'CheckpointCancelled', data: { reason: 'r', at } }],
    removing: [started, quiescing, taken, stored, removing],
    removed: [started, quiescing, taken, stored, removing, { type: 'CheckpointRemoved', data: { reason: 'r', at } }],
  };
  const commands: readonly CheckpointCommand[] = [
    { type: 'StartCheckpoint', at, data: plan },
    { type: 'BeginQuiesce', at, data: { nodeIds: [] } },
    { type: 'RecordTaken', at, data: { epoch: 7, stood } },
    { type: 'RecordStored', at, data: { ranks: parts } },
    { type: 'UndoCheckpoint', at, data: { cause: 'failed', reason: 'r' } },
    { type: 'FinishUndo', at, data: {} },
    { type: 'RemoveCheckpoint', at, data: { reason: 'r' } },
    { type: 'FinishRemoval', at, data: {} },
  ];
  /** The event that a command gives, by state; '' for none; what is not named is refused. */
  const allowed: Readonly<Record<string, Readonly<Partial<Record<CheckpointState['status'], CheckpointEvent['type'] | ''>>>>> = {
    StartCheckpoint: { none: 'CheckpointStarted' },
    RecordTaken: { standing: 'CheckpointTaken', storing: '' },
    RecordStored: { storing: 'CheckpointStored', stored: '' },
    UndoCheckpoint: { standing: 'CheckpointUndoing', storing: 'CheckpointUndoing', undoing: '', failed: '', cancelled: '' },
    FinishUndo: { undoing: 'CheckpointFailed' },
    RemoveCheckpoint: { stored: 'CheckpointRemoving', removing: '', removed: '' },
    FinishRemoval: { removing: 'CheckpointRemoved', removed: '' },
  };
  const cells = Object.keys(histories).flatMap((status) =>
    commands.map((command) => [command.type, status as CheckpointState['status'], command] as const),
  );

  it.each(cells)('%s when %s', (type, status, command) => {
    const state = fold(histories[status]);
    expect(state.status).toBe(status);
    const decision = decideCheckpoint(command, state);
    const expected = allowed[type]?.[status];
    if (expected === undefined) expect(decision.ok).toBe(false);
    else expect(decision).toMatchObject({ ok: true, events: expected === '' ? [] : [{ type: expected }] });
  });

  it('has its ranks stop once: nobody goes on with a cut that somebody else began', () => {
    const begin: CheckpointCommand = { type: 'BeginQuiesce', at, data: { nodeIds: ['node-0'] } };
    expect(decideCheckpoint(begin, fold([started]))).toMatchObject({ ok: true });
    expect(decideCheckpoint(begin, fold([started, quiescing]))).toMatchObject({ ok: false, reason: 'wrong-state' });
  });
});

describe('checkpoints that are too many', () => {
  const of = (id: string, jobId: string): readonly [string, StoredCheckpoint] => {
    const state = fold([{ ...started, data: { ...plan, jobId, at } }, quiescing, taken, stored]);
    if (state.status !== 'stored') throw new Error('the history is that of a stored one');
    return [id, state];
  };

  it('are the oldest of each job, beyond its bound', () => {
    const all = [of('a1', 'a'), of('b1', 'b'), of('a2', 'a'), of('a3', 'a')];
    expect(superfluous(all, { mostPerJob: 2, most: 100 })).toEqual(['a1']);
    expect(superfluous(all, { mostPerJob: 1, most: 100 })).toEqual(['a1', 'a2']);
  });

  it('are the oldest of all, beyond the bound of the cluster', () => {
    const all = [of('a1', 'a'), of('b1', 'b'), of('c1', 'c')];
    expect(superfluous(all, { mostPerJob: 2, most: 2 })).toEqual(['a1']);
    expect(superfluous(all, { mostPerJob: 2, most: 3 })).toEqual([]);
  });
});
