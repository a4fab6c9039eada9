export type { JobCommand } from './commands.ts';
export { decideJob, jobDecider, type JobRefusal } from './decide.ts';
export type { Assignment, JobEvent, RankCounters, RankEnd, RankIo } from './events.ts';
export { exitRules, isCleanEnd, jobExitCode, type EndCause, type ExitRule } from './exit-codes.ts';
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
  type ImageMatch,
  type JobState,
  type KnownJob,
  type LiveStatus,
  type Phase,
  type Submitted,
} from './state.ts';
