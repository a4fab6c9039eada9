import type { Copied, MigrationPlan } from './events.ts';
import type { MigratingVm, TargetNode } from './obstacles.ts';

interface Command<T extends string, D> {
  readonly type: T;
  readonly at: number;
  readonly data: D;
}

export type MigrationCommand =
  /** `guestAssisted`: the controller moves the VM's connections with the guests' help, so that a bypass adapter does not stand against it (R51). */
  | Command<
      'RequestMigration',
      {
        readonly vm: MigratingVm;
        readonly targetNodeId: string;
        readonly target: TargetNode | undefined;
        readonly guestAssisted?: Omit<MigrationPlan, 'vmId' | 'sourceNodeId' | 'targetNodeId'>;
      }
    >
  | Command<'RecordRound', Copied & { round: number; left: number }>
  | Command<'BeginQuiesce', Record<never, never>>
  | Command<'RecordSuspension', Copied>
  | Command<'HandOver', { epoch: number }>
  /** `releasedAt`: when all ranks had been told to go on, if that is known; what comes after it stops nobody. */
  | Command<'CompleteMigration', { releasedAt?: number }>
  /** Decides that the VM stays where it is; the first decision holds. Refused after the hand-over. */
  | Command<'UndoMigration', { cause: 'failed' | 'cancelled'; reason: string }>
  /** Everything that was done for it is taken back. */
  | Command<'FinishUndo', Record<never, never>>
  /** After the hand-over the VM was lost with its new owner. */
  | Command<'LoseMigration', { reason: string }>;
