import type { MigratingVm, TargetNode } from './obstacles.ts';

export interface RequestMigration {
  readonly type: 'RequestMigration';
  readonly at: number;
  readonly data: { readonly vm: MigratingVm; readonly targetNodeId: string; readonly target: TargetNode | undefined };
}

export type MigrationCommand = RequestMigration;
