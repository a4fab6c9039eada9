import type { Assignment, Growth, RankEnd } from './events.ts';
import type { EndCause } from './exit-codes.ts';
import type { JobSpec } from './spec.ts';

interface Command<T extends string, D> {
  readonly type: T;
  readonly at: number;
  readonly data: D;
}

export type JobCommand =
  | Command<'SubmitJob', { jobId: string; spec: JobSpec; actor: string; tenant: string; traceparent: string; roles?: readonly string[] }>
  | Command<'MatchJob', { imageDigest: string; imageName: string; imageVersion: number; imageBytes: number; memoryBytes: number }>
  /** Says why the job is not placed yet. */
  | Command<'ExplainWait', { reason: string }>
  | Command<'PlaceJob', { policy: string; cost: number; assignments: readonly Assignment[]; evicted: readonly string[] }>
  /** The image is on every node that needs it. */
  | Command<'RecordImageReady', { distributionId: string; nodes: number; rounds: number; bytes: number }>
  /** All VMs are up and the programs are about to be started: from here on only its policy lets the job run a second time. */
  | Command<'StartJob', { pkey: number; restoredFrom: string }>
  /** Claims more ranks for a running job, one growth at a time. */
  | Command<'GrantRanks', Growth>
  | Command<'ConnectRanks', { first: number }>
  | Command<'JoinRanks', { first: number }>
  | Command<'MeetRanks', { first: number }>
  | Command<'WithdrawRanks', { first: number; reason: string }>
  | Command<'RecordRankEnd', RankEnd>
  /** The map of VMs shows the rank's VM on another node. */
  | Command<'MoveRank', { rank: number; vmId: string; nodeId: string; nodeName: string; nodeEpoch: number; migrationId: string }>
  /** Decides how the job ends; the first decision holds. `programCode` is what the deciding rank returned. */
  | Command<'EndJob', { cause: EndCause; programCode?: number; reason: string }>
  /** Everything that belonged to the job is stopped and freed. */
  | Command<'FinishJob', Record<never, never>>
  /** A node is gone that the job was placed on: the job goes back to the queue, or ends, by its policy. */
  | Command<'LoseNodeOfJob', { nodeId: string; reason: string }>
  /** The job is to be placed anew: what there is of it is taken back first. Only before its ranks were started. */
  | Command<'RequeueJob', { reason: string }>
  /** Everything that belonged to the last placement is stopped and freed: the job waits in the queue again. */
  | Command<'FinishRequeue', Record<never, never>>;
