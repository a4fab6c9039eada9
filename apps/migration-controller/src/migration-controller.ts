import { migrationv1 } from '@verbena/contracts';
import type { EventStore } from '@verbena/event-sourcing';
import type { RunningService, ServiceContext } from '@verbena/service-kit';
import { startCheckpoints } from './checkpoints/start.ts';
import type { CheckpointConfig } from './checkpoints/work.ts';
import { migrationService } from './migration-service.ts';
import { Migrations } from './migrations.ts';
import { MigrationRun } from './run/migration-run.ts';
import { Admission } from './run/admission.ts';
import { Turns } from './run/turns.ts';
import { defaultConfig, type MigrationConfig, type MigrationPorts } from './run/work.ts';

export interface MigrationControllerOptions extends Partial<MigrationConfig> {
  readonly store: EventStore;
  readonly checkpoints?: Partial<CheckpointConfig>;
}

const stopRunsMs = 5_000;

/**
 * Starts the migration controller, which moves VMs and saves jobs. Resolves when it serves; migrations that were under way go on from what the log says. One runs
 * at a time: a second one would do every step twice, which is harmless, and needless.
 */
export async function startMigrationController(
  context: ServiceContext,
  { store, checkpoints: saving = {}, ...given }: MigrationControllerOptions,
): Promise<RunningService> {
  const { bus, clock, log, tracer, random } = context;
  const stopping = new AbortController();
  const migrations = await Migrations.open(store, clock);
  const config: MigrationConfig = { ...defaultConfig, ...given };
  const waits = new Map<string, string>();
  const turns = new Turns();
  const ports: MigrationPorts = {
    bus,
    clock,
    log,
    tracer,
    config,
    migrations,
    turns,
    admission: new Admission(config.limits),
    waits,
    stopping: stopping.signal,
  };
  const runs = new Set<Promise<void>>();
  const start = (id: string): void => {
    const run = new MigrationRun(id, ports).run();
    runs.add(run);
    void run.finally(() => runs.delete(run));
  };
  const served = await bus.serve(migrationv1.MigrationService, migrationService({ ...ports, random, start }));
  for (const [id] of migrations.live()) start(id);
  const checkpoints = await startCheckpoints(context, { store, turns, stopping: stopping.signal, config: saving });
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('the migration controller stops'));
    await Promise.all([served.stop(), checkpoints.served.stop()]);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, stopRunsMs)));
    await Promise.race([Promise.allSettled([...runs, ...checkpoints.runs]), late]);
    clearTimeout(timer);
    await Promise.all([migrations.stop(), checkpoints.stop()]);
  };
  let stopped: Promise<void> | undefined;
  return { name: 'migration-controller', notReady: () => Promise.resolve(undefined), stop: () => (stopped ??= stop()) };
}
