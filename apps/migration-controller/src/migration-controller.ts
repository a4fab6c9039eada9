import { migrationv1 } from '@verbena/contracts';
import { evolveMigration, noMigration, type MigrationEvent, type MigrationState } from '@verbena/domain-migration';
import { runProjection, type EventStore } from '@verbena/event-sourcing';
import type { RunningService, ServiceContext } from '@verbena/service-kit';
import { migrationService } from './migration-service.ts';

export interface MigrationControllerOptions {
  readonly store: EventStore;
}

/** Starts the migration controller, which in this version says what stands against a migration. Resolves when it serves. */
export async function startMigrationController(context: ServiceContext, { store }: MigrationControllerOptions): Promise<RunningService> {
  const { bus } = context;
  const migrations = await runProjection(store, {
    name: 'migrations',
    initial: new Map<string, MigrationState>(),
    filter: { stream: 'mig-*' },
    evolve: (all, { stream, event }) => all.set(stream, evolveMigration(all.get(stream) ?? noMigration, event as MigrationEvent)),
  });
  const served = await bus.serve(
    migrationv1.MigrationService,
    migrationService(bus, () => migrations.state),
  );
  const stop = async (): Promise<void> => {
    await served.stop();
    await migrations.stop();
  };
  let stopped: Promise<void> | undefined;
  return { name: 'migration-controller', notReady: () => Promise.resolve(undefined), stop: () => (stopped ??= stop()) };
}
