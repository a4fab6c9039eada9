/**
 * How a VM moves, as a table. Every step may be repeated: agents and scheduler know a migration by its id. Until `hand over` each step can be taken
 * back and the VM goes on where it was; from there on the table only goes forward, since the VM is the target's.
 *
 *   reserve -> admit -> prepare -> copy -> turn -> quiesce -> suspend (restore) -> HAND OVER -> release -> settle -> finish
 *
 * While the VM stands nothing is written down but the hand-over, which also says what was sent.
 */
import type { KnownMigration } from '@verbena/domain-migration';
import type { SagaTable } from '@verbena/event-sourcing';
import type { MigrationRequest } from '../migrations.ts';
import * as after from './after-hand-over.ts';
import * as steps from './steps.ts';
import type { Work } from './work.ts';

const isMoved = ({ status }: KnownMigration): boolean => status !== 'copying' && status !== 'suspended';
const isSuspended = ({ status }: KnownMigration): boolean => status !== 'copying';
const isOver = ({ status }: KnownMigration): boolean => status === 'completed' || status === 'failed' || status === 'cancelled';
const key = ({ vmId, fence }: KnownMigration): string => `${vmId}/${fence}`;

type Step = (work: Work, signal: AbortSignal) => Promise<void>;

/** A step that leaves no event: it is repeated whenever the saga goes on. */
const silent =
  (step: Step) =>
  async (work: Work, signal: AbortSignal): Promise<readonly MigrationRequest[]> => {
    await step(work, signal);
    return [];
  };

export const migrationSaga: SagaTable<KnownMigration, Work, MigrationRequest> = [
  { name: 'reserve', key, done: isMoved, do: silent(steps.reserve), undo: steps.unreserve, tries: 10 },
  { name: 'admit', key, done: isMoved, do: silent(steps.admit) },
  { name: 'prepare', key, done: isMoved, do: silent(steps.prepare), undo: steps.abortIncoming, tries: 3 },
  {
    name: 'copy',
    key,
    done: (state) => isSuspended(state) || state.mode === 'stopcopy' || state.quiescingAt !== undefined,
    do: silent(steps.copy),
    tries: 2,
  },
  // Ranks that stand for one migration must not be asked to stand for another.
  { name: 'turn', key, done: isOver, do: silent(steps.takeTurn) },
  { name: 'quiesce', key, done: isSuspended, do: silent(steps.quiesce), undo: steps.releaseSame, tries: 1 },
  { name: 'suspend', key, done: isSuspended, do: silent(steps.suspend), undo: steps.resume, tries: 2 },
  { name: 'restore', key, done: isMoved, do: silent(steps.restore), undo: steps.abortIncoming, tries: 2 },
  { name: 'hand over', key, done: isMoved, do: silent(steps.handOver) },
  { name: 'release', key, done: isOver, do: silent(after.releaseMoved) },
  { name: 'settle', key, done: isOver, do: silent(after.settleAndDiscard) },
  { name: 'finish', key, done: isOver, do: after.complete },
];
