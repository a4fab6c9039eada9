/** What an operator asks of the scheduler: jobs, queue, nodes and VMs as they are, and what has come and gone since it started. */
import { hasEnded } from '@verbena/domain-job';
import { metric, type Metrics } from '@verbena/service-kit';
import type { Jobs } from './jobs/jobs.ts';
import type { Nodes } from './nodes/nodes.ts';
import type { Queue } from './queue/queue.ts';
import type { VmMap } from './vms/vm-map.ts';

export interface SchedulerFacts {
  readonly jobs: Jobs;
  readonly nodes: Nodes;
  readonly vms: VmMap;
  readonly queue: Queue;
}

/** Tells of the scheduler until the returned function is called. */
export function observeScheduler(metrics: Metrics, { jobs, nodes, vms, queue }: SchedulerFacts): () => void {
  const known = new Set(jobs.log.ids());
  const over = new Set([...known].filter((id) => isOver(jobs, id)));
  const forget = jobs.log.onChange((id) => {
    if (!known.has(id)) metrics.count(metric.jobsSubmitted, {});
    known.add(id);
    const job = jobs.known(id);
    if (job === undefined || !hasEnded(job) || over.has(id)) return;
    over.add(id);
    metrics.count(metric.jobsEnded, { cause: job.end.cause });
    metrics.record(metric.jobSeconds, {}, Math.max(0, job.endedAt - job.submittedAt) / 1000);
  });
  const states = (values: readonly string[]) => [...counted(values)].map(([state, count]) => [{ state }, count] as const);
  const ends = [
    forget,
    metrics.observe(metric.jobs, () => states(jobs.log.ids().flatMap((id) => jobs.known(id)?.status ?? []))),
    metrics.observe(metric.queueLength, () => [[{}, queue.length]]),
    metrics.observe(metric.nodes, () => states(nodes.ids().flatMap((id) => nodes.known(id)?.status ?? []))),
    metrics.observe(metric.vms, () => states(vms.live().map(({ state }) => state.status))),
    metrics.observe(metric.projectionPosition, () => [[{ projection: 'vm-map' }, Number(vms.position)]]),
    metrics.observe(metric.projectionLag, async () => [[{ projection: 'vm-map' }, Number(await vms.lag())]]),
  ];
  return () => ends.forEach((end) => end());
}

function isOver(jobs: Jobs, id: string): boolean {
  const job = jobs.known(id);
  return job !== undefined && hasEnded(job);
}

function counted(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
