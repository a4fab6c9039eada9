/** The story of a migration, on the stream named by its id ("mig-..."). Durations in milliseconds, times (`at`) since 1970. */
import type { DomainEvent } from '@verbena/event-sourcing';

interface Event<T extends string, D> extends DomainEvent {
  readonly type: T;
  readonly data: D & { readonly at: number };
}

export interface Route {
  readonly vmId: string;
  readonly sourceNodeId: string;
  readonly targetNodeId: string;
}

/** `precopy` sends memory in rounds while the guest runs; `stopcopy` suspends it first. */
export type MigrationMode = 'precopy' | 'stopcopy';

/** How memory travels. */
export interface TransferPlan {
  /** `rdma`: the hosts' adapters write from the source's memory into the target's. */
  readonly transport: 'tcp' | 'rdma';
  /** Bytes of the largest transfer of contiguous pages. */
  readonly clusterBytes: number;
  /** Level of DEFLATE; 0 for none. */
  readonly compression: number;
  /** A guest that writes faster than the link carries is suspended all the same, throttled before that, or left where it is. */
  readonly whenTooFast: 'suspend' | 'throttle' | 'give-up';
  /** Whether ranks stop their channels while they compute (mt), or in calls of MPI only (pe): the designs of IPDPS'17. */
  readonly design: 'mt' | 'pe';
}

/** Of migrations that were started when there was no choice, and of those that make none. */
export const usualTransfer: TransferPlan = {
  transport: 'tcp',
  clusterBytes: 256 * 1024,
  compression: 0,
  whenTooFast: 'suspend',
  design: 'mt',
};

/** What a migration is, fixed when it starts. */
export interface MigrationPlan extends Route {
  readonly jobId: string;
  readonly rank: number;
  /** Which start of the job it belongs to. */
  readonly attempt: number;
  readonly tenant: string;
  readonly mode: MigrationMode;
  /** Bytes a second for rounds of pre-copy; 0 for no limit. */
  readonly limitBytesPerSecond: number;
  /** Absent: the usual one. */
  readonly transfer?: TransferPlan;
  /** The epoch under which the VM's next owner writes: above every one before. */
  readonly fence: number;
  /** The epoch of the target's registration: a higher one means that it has lost what was sent. */
  readonly targetEpoch: number;
  readonly vcpus: number;
  readonly memoryBytes: number;
  readonly imageDigest: string;
  /** Who wanted it, or why it was thought good, for people. */
  readonly reason: string;
}

/** One round of pre-copy, or what is sent when the guest stands. */
export interface Copied {
  readonly pages: number;
  /** On the wire. */
  readonly bytes: number;
  readonly ms: number;
}

export type MigrationEvent =
  | Event<'MigrationPlanned', Route>
  | Event<'MigrationRefused', Route & { obstacles: readonly string[] }>
  | Event<'MigrationStarted', MigrationPlan>
  /** `left` pages have been written meanwhile. */
  | Event<'MigrationRoundDone', Copied & { round: number; left: number }>
  /**
   * All ranks of the job are asked to stop their channels. The event's position in the log is the number under which they do it: greater than any
   * before, whoever moved.
   */
  | Event<'MigrationQuiescing', Record<never, never>>
  /** The guest stands, and all that it is made of is on the target. */
  | Event<'MigrationSuspended', Copied>
  /** The VM has its new owner: written together with the VM's own event, both or none. */
  | Event<'MigrationHandedOver', { epoch: number }>
  /** `downtimeMs`: the VM stood; `pauseMs`: the ranks of its job waited for each other. */
  | Event<'MigrationCompleted', { rounds: number; pages: number; bytes: number; downtimeMs: number; pauseMs: number; totalMs: number }>
  /** The decision that the VM stays; what was done for the migration is being taken back. */
  | Event<'MigrationUndoing', { cause: 'failed' | 'cancelled'; reason: string }>
  | Event<'MigrationFailed', { reason: string }>
  | Event<'MigrationCancelled', { reason: string }>;
