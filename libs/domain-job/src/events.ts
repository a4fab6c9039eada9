/** The story of a job, on the stream named by its id. Times (`at`) are milliseconds since 1970, given with the command. */
import type { DomainEvent } from '@verbena/event-sourcing';
import type { EndCause } from './exit-codes.ts';
import type { JobSpec } from './spec.ts';

export interface Assignment {
  readonly rank: number;
  readonly vmId: string;
  readonly nodeId: string;
  readonly nodeName: string;
  /** The node's epoch when the job was placed; absent in events of older versions. A higher one means that the node has lost its VMs. */
  readonly nodeEpoch?: number;
  /** An idle VM that is taken over; false for one that has to boot. */
  readonly reused: boolean;
}

/** One command of a request for more ranks. */
export interface GrownCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly imageDigest: string;
  readonly ranks: number;
}

/** Ranks that a running job gets together: one world of their own (MPI-3.1, section 10.3). */
export interface Growth {
  /** Unique among those of the job. */
  readonly requestId: string;
  /** The rank that asked. */
  readonly parent: number;
  readonly first: number;
  readonly commands: readonly GrownCommand[];
  readonly assignments: readonly Assignment[];
}

/** What the communication of a rank cost; see RankIo of the contract. */
export interface RankIo {
  readonly driverDomainOperations: number;
  readonly adapterOperations: number;
  readonly copiedBytes: number;
  readonly channelMessages: number;
  readonly channelBytes: number;
  readonly networkFrames: number;
  readonly networkBytes: number;
  /** By what the virtual CPU was doing. */
  readonly seconds: Readonly<Record<string, number>>;
}

export interface RankCounters {
  readonly bytesSent: number;
  readonly messagesSent: number;
  readonly vmmOperations: number;
  readonly dataPathVmmOperations: number;
  readonly cpuSeconds: number;
  readonly memoryBytesUsed: number;
  readonly outputFiles: number;
  /** Absent in events of older versions. */
  readonly io?: RankIo;
}

export interface RankEnd extends RankCounters {
  readonly rank: number;
  readonly vmId: string;
  readonly cause: EndCause;
  readonly exitCode: number;
  readonly detail: string;
}

interface Event<T extends string, D> extends DomainEvent {
  readonly type: T;
  readonly data: D & { readonly at: number };
}

export type JobEvent =
  /** With what the submitter might do: the image is matched on its behalf, maybe long after. */
  | Event<'JobSubmitted', { jobId: string; spec: JobSpec; actor: string; tenant: string; traceparent: string; roles?: readonly string[] }>
  | Event<'JobMatched', { imageDigest: string; imageName: string; imageVersion: number; imageBytes: number; memoryBytes: number }>
  | Event<'JobWaiting', { reason: string }>
  | Event<'JobPlaced', { policy: string; cost: number; assignments: readonly Assignment[]; evicted: readonly string[] }>
  | Event<'JobImageReady', { distributionId: string; nodes: number; rounds: number; bytes: number }>
  /** `restoredFrom`: the checkpoint from which its ranks go on; empty, or absent in events of older versions, when they begin. */
  | Event<'JobStarted', { booted: number; reused: number; pkey: number; restoredFrom?: string }>
  | Event<'RankExited', RankEnd>
  /** Its VM has another owner by a migration. */
  | Event<'RankMoved', { rank: number; vmId: string; nodeId: string; nodeName: string; nodeEpoch: number; migrationId: string }>
  /** The job gets more ranks, numbered on from those that it has had: they are claimed, and being brought up. Nobody has met them yet. */
  | Event<'RanksGranted', Growth>
  /** All ranks are asked to stop their channels for them; the event's position is the epoch. */
  | Event<'RanksConnecting', { first: number }>
  /** All ranks stand: from here on they are ranks of the job. */
  | Event<'RanksJoined', { first: number }>
  /** They run, and all others have been let go on with them. */
  | Event<'RanksMet', { first: number }>
  /** They were not met, and are being taken back. */
  | Event<'RanksWithdrawn', { first: number; reason: string }>
  | Event<'JobEnding', { cause: EndCause; exitCode: number; reason: string }>
  /** The decision to place it anew; what there is of it is being taken back. */
  | Event<'JobRequeueing', { reason: string }>
  | Event<'JobRequeued', { reason: string }>
  | Event<'JobCompleted', { exitCode: number }>
  | Event<'JobFailed', { cause: EndCause; exitCode: number; reason: string }>
  | Event<'JobCancelled', { exitCode: number; reason: string }>;
