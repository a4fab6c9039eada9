export type { JobCommand } from './commands.ts';
export { decideJob, jobDecider, type JobRefusal } from './decide.ts';
export type { Assignment, Growth, GrownCommand, JobEvent, RankCounters, RankEnd, RankIo } from './events.ts';
export { exitRules, isCleanEnd, jobExitCode, type EndCause, type ExitRule } from './exit-codes.ts';
export { grantedCounts, type SpawnWish } from './spawn.ts';
export { ioPaths, type InputFile, type IoPath, type JobSpec } from './spec.ts';
export {
  currentPhase,
  evolveJob,
  hasEnded,
  liveStatus,
  noJob,
  requeuesOf,
  type End,
  type EndedStatus,
  type Grown,
  type ImageMatch,
  type JobState,
  type KnownJob,
  type LiveStatus,
  type Phase,
  type Submitted,
} from './state.ts';
