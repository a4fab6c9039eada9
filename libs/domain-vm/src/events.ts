/**
 * The story of a VM, on the stream named by its id. The node-agent that owns it writes under the epoch of its registration; `VmLost` is written
 * by the scheduler under a higher epoch, when the owner is gone or has come back without the VM. `VmHandedOver` is written by the migration-controller
 * under an epoch above all before it: from there on only the new owner writes, under that epoch. `VmStayed` is the old owner's word that a migration
 * is off, so that the hand-over of that migration is refused for ever.
 */
import type { DomainEvent } from '@verbena/event-sourcing';

interface Event<T extends string, D> extends DomainEvent {
  readonly type: T;
  readonly data: D;
}

/** What a VM gets of its node's port (R37), while its program runs. */
export interface AdapterShare {
  /** 1 to 255, beside the other VMs of the port; 1 when nobody says. */
  readonly weight: number;
  /** Most bytes a second that it sends; 0: no limit of its own. */
  readonly bytesPerSecond: number;
}

/** A partition of the subnet beside the job's own, while its program runs. */
export interface PartitionMember {
  /** Of operators: 0x7000 to 0x7ffe. */
  readonly partition: number;
  readonly membership: 'full' | 'limited' | 'none';
}

export type VmEvent =
  | Event<'VmCreated', { nodeId: string; imageDigest: string; memoryBytes: number; vcpus: number; tenant: string; jobId: string }>
  | Event<'VmBooted', { seconds: number }>
  | Event<'VmStarted', { jobId: string; rank: number }>
  | Event<'VmIdle', { jobId: string }>
  | Event<'VmCrashed', { detail: string }>
  | Event<'VmShutDown', { reason: string }>
  | Event<'VmLost', { reason: string }>
  | Event<'VmHandedOver', { migrationId: string; fromNodeId: string; nodeId: string; nodeEpoch: number }>
  | Event<'VmStayed', { migrationId: string; reason: string }>
  | Event<'VmShareSet', AdapterShare & { by: string }>
  | Event<'VmFunctionDetached', { by: string }>
  | Event<'VmFunctionAttached', { by: string }>
  | Event<'VmPartitionSet', PartitionMember & { by: string }>;
