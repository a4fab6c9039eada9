/**
 * How a job is saved, as a table. The job's ranks stand from `take` to its end, and run while their parts are stored. Until the log says `stored`
 * everything can be taken back; what is not whole is never started from.
 *
 *   turn -> take (stand still, capture, go on) -> STORED -> settled        undo: let go on every node, and in storage
 */
import { checkpointSettled, type KnownCheckpoint } from '@verbena/domain-checkpoint';
import type { SagaTable } from '@verbena/event-sourcing';
import type { CheckpointRequest } from './checkpoints.ts';
import * as steps from './steps.ts';
import type { Work } from './work.ts';

const isTaken = ({ status }: KnownCheckpoint): boolean => status !== 'standing';
const key = ({ jobId, number }: KnownCheckpoint): string => `${jobId}/${String(number)}`;

export const checkpointSaga: SagaTable<KnownCheckpoint, Work, CheckpointRequest> = [
  // Ranks that stand for one thing must not be asked to stand for another.
  { name: 'turn', key, done: isTaken, do: steps.takeTurn },
  { name: 'take', key, done: isTaken, do: steps.take, undo: steps.letGoOnNodes, tries: 1 },
  { name: 'store', key, done: checkpointSettled, do: steps.store, undo: steps.letGoInStorage, tries: 3 },
];
