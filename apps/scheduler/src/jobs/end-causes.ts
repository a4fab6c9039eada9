/** The contract's enums and the domain's unions, so that an entry that is missing on either side fails to compile. */
import { jobv1 } from '@verbena/contracts';
import type { EndCause, JobState, KnownJob, RankEnd } from '@verbena/domain-job';

const { EndCause: Wire, JobState: WireState, RankState } = jobv1;

const wireCauses: Readonly<Record<EndCause, jobv1.EndCause>> = {
  exited: Wire.EXITED,
  'exit-nonzero': Wire.EXIT_NONZERO,
  trapped: Wire.TRAPPED,
  'mpi-abort': Wire.MPI_ABORT,
  'no-finalize': Wire.NO_FINALIZE,
  walltime: Wire.WALLTIME,
  deadlock: Wire.DEADLOCK,
  'output-limit': Wire.OUTPUT_LIMIT,
  'out-of-memory': Wire.OUT_OF_MEMORY,
  cancelled: Wire.CANCELLED,
  unsatisfiable: Wire.UNSATISFIABLE,
  'node-lost': Wire.NODE_LOST,
  'boot-failed': Wire.BOOT_FAILED,
  internal: Wire.INTERNAL,
};
const domainCauses = new Map(Object.entries(wireCauses).map(([cause, wire]) => [wire, cause as EndCause]));

export function toWireCause(cause: EndCause): jobv1.EndCause {
  return wireCauses[cause];
}

/** What is unspecified or from a newer version counts as a failure of ours. */
export function fromWireCause(cause: jobv1.EndCause): EndCause {
  return domainCauses.get(cause) ?? 'internal';
}

const wireStates: Readonly<Record<Exclude<JobState['status'], 'none' | 'ending' | 'requeueing'>, jobv1.JobState>> = {
  queued: WireState.QUEUED,
  distributing: WireState.DISTRIBUTING,
  booting: WireState.BOOTING,
  running: WireState.RUNNING,
  completed: WireState.COMPLETED,
  failed: WireState.FAILED,
  cancelled: WireState.CANCELLED,
};

/** A job that is being ended shows the state that it is ended from: it has not ended while something of it is left. One that goes back to the queue is on its way there. */
export function toWireState(job: KnownJob): jobv1.JobState {
  if (job.status === 'requeueing') return WireState.QUEUED;
  return wireStates[job.status === 'ending' ? job.from : job.status];
}

const crashes: ReadonlySet<EndCause> = new Set(['trapped', 'out-of-memory', 'internal']);
const kills: ReadonlySet<EndCause> = new Set(['cancelled', 'walltime', 'deadlock', 'output-limit', 'node-lost']);

export function rankStateOf(end: RankEnd): jobv1.RankState {
  if (crashes.has(end.cause)) return RankState.CRASHED;
  return kills.has(end.cause) ? RankState.KILLED : RankState.EXITED;
}
