/** What the steps of a job's sagas work with. */
import type { Assignment, KnownJob } from '@verbena/domain-job';
import type { RunPorts } from './ports.ts';

export interface Work {
  readonly ports: RunPorts;
  readonly jobId: string;
  /** As the log has it now. */
  job(): KnownJob;
  /** Aborts when the job ends, or goes back to the queue. */
  readonly over: AbortSignal;
  /** Nodes that have taken the start of the ranks in this life of the scheduler. */
  readonly startedOn: Set<string>;
  /** Calls that are not cut off when the job is over: what they make must be there to be destroyed. */
  readonly inFlight: Map<Promise<unknown>, string>;
}

/** Registers a call to a node that is not cut off when the job is over. */
export function tracked<T>({ inFlight }: Pick<Work, 'inFlight'>, nodeId: string, call: Promise<T>): Promise<T> {
  const settled = call.then(
    () => undefined,
    () => undefined,
  );
  inFlight.set(settled, nodeId);
  void settled.then(() => inFlight.delete(settled));
  return call;
}

/** Assignments by node. */
export function byNode(assignments: readonly Assignment[]): ReadonlyMap<string, readonly Assignment[]> {
  return Map.groupBy(assignments, ({ nodeId }) => nodeId);
}

/** Whether the node has lost, since the placement, all that it was given then. */
export function isGone({ nodes }: Pick<RunPorts, 'nodes'>, { nodeId, nodeEpoch = 0 }: Assignment): boolean {
  return nodeEpoch < (nodes.known(nodeId)?.epoch ?? 0);
}
