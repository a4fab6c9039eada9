import type { AdapterShare } from './events.ts';

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
  | Command<'LoseVm', { reason: string }>
  | Command<'HandOverVm', { migrationId: string; fromNodeId: string; nodeId: string; nodeEpoch: number }>
  | Command<'KeepVm', { migrationId: string; reason: string }>
  | Command<'SetShare', AdapterShare & { by: string }>;
