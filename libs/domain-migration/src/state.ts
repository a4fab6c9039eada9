/** none --Planned--> planned;  none --Refused--> refused */
import type { MigrationEvent, Route } from './events.ts';

export type MigrationState =
  | { readonly status: 'none' }
  | (Route & { readonly status: 'planned' })
  | (Route & { readonly status: 'refused'; readonly obstacles: readonly string[] });

export const noMigration: MigrationState = { status: 'none' };

export function evolveMigration(_state: MigrationState, event: MigrationEvent): MigrationState {
  const { vmId, sourceNodeId, targetNodeId } = event.data;
  const route: Route = { vmId, sourceNodeId, targetNodeId };
  switch (event.type) {
    case 'MigrationPlanned':
      return { status: 'planned', ...route };
    case 'MigrationRefused':
      return { status: 'refused', ...route, obstacles: event.data.obstacles };
    default:
      return event satisfies never;
  }
}
