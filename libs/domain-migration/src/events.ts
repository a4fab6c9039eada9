/** The story of a migration, on the stream named by its id ("mig-..."). */
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

export type MigrationEvent = Event<'MigrationPlanned', Route> | Event<'MigrationRefused', Route & { obstacles: readonly string[] }>;
