/** What the steps of a checkpoint work with. */
import type { KnownCheckpoint, Retention } from '@verbena/domain-checkpoint';
import type { Tracer } from '@opentelemetry/api';
import type { Bus } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';
import type { Logger } from 'pino';
import type { Turns } from '../run/turns.ts';
import type { Checkpoints } from './checkpoints.ts';

export interface CheckpointConfig {
  /** For one call, in milliseconds. */
  readonly callMs: number;
  /** How long the ranks of a job may take to stop their channels. */
  readonly quiesceMs: number;
  /** How long the parts of a node may take to storage. */
  readonly storeMs: number;
  /** For how long a node that does not answer is asked to let go. */
  readonly undoMs: number;
  readonly retention: Retention;
}

export const defaultCheckpointConfig: CheckpointConfig = {
  callMs: 30_000,
  quiesceMs: 10_000,
  storeMs: 3_600_000,
  undoMs: 20_000,
  retention: { mostPerJob: 3, most: 1_000 },
};

export interface CheckpointPorts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tracer: Tracer;
  readonly config: CheckpointConfig;
  readonly checkpoints: Checkpoints;
  /** One checkpoint or migration at a time has the ranks of a job stand still. */
  readonly turns: Turns;
  /** Why a checkpoint waits now, for people. */
  readonly waits: Map<string, string>;
  readonly stopping: AbortSignal;
}

export interface Work {
  readonly id: string;
  readonly ports: CheckpointPorts;
  checkpoint(): KnownCheckpoint;
  /** Gives the job's turn back. */
  leave: (() => void) | undefined;
}
