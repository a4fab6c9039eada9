export type { CheckpointCommand } from './commands.ts';
export { checkpointDecider, decideCheckpoint, type CheckpointRefusal } from './decide.ts';
export type { CheckpointEvent, CheckpointPlan, RankSaved, RankStood, Saved } from './events.ts';
export { superfluous, type Retention } from './retention.ts';
export {
  checkpointSettled,
  evolveCheckpoint,
  isKnownCheckpoint,
  isLiveCheckpoint,
  noCheckpoint,
  type CheckpointState,
  type KnownCheckpoint,
  type StoredCheckpoint,
} from './state.ts';
