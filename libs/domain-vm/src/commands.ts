import type { AdapterShare, PartitionMember } from './events.ts';

interface Command<T extends string, D> {
  readonly type: T;
  readonly data: D;
}

export type VmCommand =
  | Command<'CreateVm', { nodeId: string; imageDigest: string; memoryBytes: number; vcpus: number; tenant: string; jobId: string }>
  | Command<'RecordBoot', { seconds: number }>
  | Command<'StartProgram', { jobId: string; rank: number }>
  | Command<'ReleaseVm', { jobId: string }>
  | Command<'CrashVm', { detail: string }>
  | Command<'ShutDownVm', { reason: string }>
  /** `nodeId`: the node that is lost; a VM that another has by now is not lost with it. */
  | Command<'LoseVm', { reason: string; nodeId?: string }>
  | Command<'HandOverVm', { migrationId: string; fromNodeId: string; nodeId: string; nodeEpoch: number }>
  | Command<'KeepVm', { migrationId: string; reason: string }>
  | Command<'SetShare', AdapterShare & { by: string }>
  | Command<'DetachFunction', { by: string }>
  | Command<'AttachFunction', { by: string }>
  | Command<'SetPartition', PartitionMember & { by: string }>;
