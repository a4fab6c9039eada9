/** What a run of a job works with. */
import type { Tracer } from '@opentelemetry/api';
import type { Bus } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';
import type { Logger } from 'pino';
import type { SchedulerConfig } from '../config.ts';
import type { StoredCheckpoints } from '../checkpoints/stored-checkpoints.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Progress } from '../jobs/job-view.ts';
import type { Nodes } from '../nodes/nodes.ts';
import type { Capacity } from '../queue/capacity.ts';
import type { Queue } from '../queue/queue.ts';
import type { VmMap } from '../vms/vm-map.ts';
import type { DeadlockWatch } from './deadlock.ts';
import type { PartitionKeys } from './partition-keys.ts';
import type { Rendezvous } from './rendezvous.ts';

export interface RunPorts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tracer: Tracer;
  readonly config: SchedulerConfig;
  readonly jobs: Jobs;
  readonly nodes: Nodes;
  readonly vms: VmMap;
  readonly capacity: Capacity;
  readonly queue: Queue;
  readonly rendezvous: Rendezvous;
  readonly deadlocks: DeadlockWatch;
  /** Distribution progress of live jobs, by job. */
  readonly progress: Map<string, Progress>;
  /** Why a job does not get on at the moment, by job, for people. */
  readonly waits: Map<string, string>;
  readonly pkeys: PartitionKeys;
  readonly checkpoints: StoredCheckpoints;
  /** Of this scheduler's lead; node-agents refuse orders of a lower one than they have seen. */
  readonly term: bigint;
  /** Aborts when the scheduler stops: runs are left as they are, and whoever leads next goes on with them. */
  readonly stopping: AbortSignal;
}
