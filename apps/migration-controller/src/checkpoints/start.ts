/** The checkpoints' part of the controller: its service, a run for each that is under way, and what follows when one is stored. */
import { migrationv1 } from '@verbena/contracts';
import { isLiveCheckpoint, superfluous } from '@verbena/domain-checkpoint';
import type { EventStore } from '@verbena/event-sourcing';
import type { Served } from '@verbena/messaging';
import type { ServiceContext } from '@verbena/service-kit';
import type { Turns } from '../run/turns.ts';
import { CheckpointRun } from './checkpoint-run.ts';
import { checkpointService } from './checkpoint-service.ts';
import { Checkpoints } from './checkpoints.ts';
import { defaultCheckpointConfig, type CheckpointConfig, type CheckpointPorts } from './work.ts';

export interface CheckpointOptions {
  readonly store: EventStore;
  readonly turns: Turns;
  readonly stopping: AbortSignal;
  readonly config?: Partial<CheckpointConfig>;
}

export interface RunningCheckpoints {
  readonly served: Served;
  /** Those that are under way. */
  readonly runs: ReadonlySet<Promise<void>>;
  stop(): Promise<void>;
}

/** Resolves when it serves; checkpoints that were under way go on from what the log says. */
export async function startCheckpoints(context: ServiceContext, options: CheckpointOptions): Promise<RunningCheckpoints> {
  const { bus, clock, log, tracer, random } = context;
  const { store, turns, stopping, config } = options;
  const checkpoints = await Checkpoints.open(store, clock);
  const ports: CheckpointPorts = {
    ...{ bus, clock, log, tracer, checkpoints, turns, stopping },
    config: { ...defaultCheckpointConfig, ...config },
    waits: new Map(),
  };
  const runs = new Set<Promise<void>>();
  const running = new Set<string>();
  const start = (id: string): void => {
    if (running.has(id)) return;
    running.add(id);
    const run = new CheckpointRun(id, ports).run().then(() => {
      running.delete(id);
      runs.delete(run);
      if (stopping.aborted) return;
      // It may have been removed in the moment in which its run ended.
      if (isLiveCheckpoint(checkpoints.known(id))) start(id);
      retain();
    });
    runs.add(run);
  };
  const retain = (): void => {
    for (const id of superfluous(checkpoints.stored(), ports.config.retention))
      checkpoints
        .execute(id, { type: 'RemoveCheckpoint', data: { reason: 'there are newer ones' } })
        .then(() => start(id))
        .catch((error: unknown) => log.warn({ err: error, checkpoint: id }, 'a checkpoint that is too many could not be removed yet'));
  };
  const served = await bus.serve(migrationv1.CheckpointService, checkpointService({ ...ports, random, start }));
  for (const id of checkpoints.live()) start(id);
  return { served, runs, stop: () => checkpoints.stop() };
}
