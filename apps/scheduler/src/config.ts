import type { PolicyName } from '@verbena/placement';

export interface SchedulerConfig {
  /** For jobs that do not say. */
  readonly defaultWalltimeMs: number;
  readonly defaultOutputLimitBytes: number;
  /** What a job may take from its placement until its ranks run, when it is asked whether it would be over before another must start. */
  readonly startUpMs: number;
  readonly defaultPolicy: PolicyName;
  /** A VM that nobody wanted for so long is destroyed. */
  readonly idleVmMs: number;
  /** How often nodes are told to report, and after how long a silence they count as lost. */
  readonly heartbeatMs: number;
  readonly nodeLostAfterMs: number;
  /** After a start nodes are still to be heard of: for so long no job is told that the cluster is too small. */
  readonly settleMs: number;
  /** How long all ranks must stay blocked, without one of them moving, to be called deadlocked. */
  readonly deadlockConfirmMs: number;
  /** WatchJob sends at most once in so long. */
  readonly watchIntervalMs: number;
  /** Deadlines of calls to node-agents and image-manager. */
  readonly bootTimeoutMs: number;
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  /** How long a node is asked to stop a job that it does not stop; it should be longer than the lease, after which the node is fenced. */
  readonly stopPatienceMs: number;
  readonly distributeTimeoutMs: number;
}

export const defaultConfig: SchedulerConfig = {
  defaultWalltimeMs: 3_600_000,
  defaultOutputLimitBytes: 64 * 1024 * 1024,
  startUpMs: 10_000,
  defaultPolicy: 'cost',
  idleVmMs: 300_000,
  heartbeatMs: 2_000,
  nodeLostAfterMs: 15_000,
  settleMs: 3_000,
  deadlockConfirmMs: 1_500,
  watchIntervalMs: 50,
  bootTimeoutMs: 60_000,
  startTimeoutMs: 120_000,
  stopTimeoutMs: 25_000,
  stopPatienceMs: 25_000,
  distributeTimeoutMs: 600_000,
};
