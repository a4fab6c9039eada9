/** What follows the decision that a job ends, or is placed anew: nothing of it is left on any node, and its claims are given back. */
import { nodev1, storagev1 } from '@verbena/contracts';
import type { Assignment, KnownJob } from '@verbena/domain-job';
import { bounded } from './bounded.ts';
import { messageOf } from './failure.ts';
import type { RunPorts } from './ports.ts';
import { byNode, isGone, type Work } from './work.ts';

const inFlightMs = 10_000;
const lastReportsMs = 2_000;
const sealMs = 5_000;
const firstPauseMs = 100;
const longestPauseMs = 2_000;

/**
 * Stops the ranks and destroys the VMs of the present placement. A node that does not answer is asked again until it is lost, which fences it; one
 * that answers heartbeats but does not stop the job is left to the caretaker after a while.
 */
export async function stopOnNodes(work: Work, signal: AbortSignal): Promise<void> {
  const { ports, inFlight, startedOn } = work;
  const job = work.job();
  if (job.assignments.length === 0) return;
  // What a node was told that is another one by now came to nothing, whenever its call ends.
  const gone = new Set(job.assignments.filter((assignment) => isGone(ports, assignment)).map(({ nodeId }) => nodeId));
  const calls = [...inFlight].filter(([, nodeId]) => !gone.has(nodeId)).map(([call]) => call);
  await bounded(ports, inFlightMs, Promise.all(calls));
  // Nothing has run: VMs that have booted, or still do, are idle then, and good for whoever comes next.
  if (job.status === 'requeueing' && job.startedAt === undefined) return;
  const stopped = new Set<string>();
  await Promise.all(
    [...byNode(job.assignments)].map(async ([nodeId, here]) => {
      if (await stopOn(ports, job, nodeId, here, signal)) stopped.add(nodeId);
    }),
  );
  if (job.status !== 'ending' || job.end.cause === 'node-lost') return;
  // A node that has forgotten the job will tell nothing.
  await bounded(ports, lastReportsMs, allReported(ports, job, new Set([...stopped].filter((node) => startedOn.has(node)))));
}

/** True when nothing of the job is left there. */
async function stopOn(ports: RunPorts, job: KnownJob, nodeId: string, here: readonly Assignment[], signal: AbortSignal): Promise<boolean> {
  const { bus, clock, config, log, term } = ports;
  const reason = job.reason.split('\n', 1)[0]?.slice(0, 500) ?? '';
  const vmIds = here.map(({ vmId }) => vmId);
  const request = { jobId: job.jobId, destroyVms: true, reason, attempt: Math.max(1, job.starts), vmIds, term };
  const end = clock.monotonic() + (job.startedAt === undefined ? config.stopTimeoutMs / 10 : config.stopPatienceMs);
  for (let pause = firstPauseMs; !here.every((assignment) => isGone(ports, assignment)); pause = Math.min(2 * pause, longestPauseMs)) {
    try {
      await bus.client(nodev1.NodeAgentService, nodeId).stopRanks(request, { timeoutMs: config.stopTimeoutMs, signal });
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (clock.monotonic() + pause > end) {
        const what = 'a job could not be stopped on a node; its VMs are looked after later';
        log.warn({ job: job.jobId, node: nodeId, error: messageOf(error) }, what);
        return false;
      }
      await clock.sleep(pause, signal);
    }
  }
  return false;
}

/** Resolves when the ranks that were stopped have told how they ended, so that their counters are part of the story. */
async function allReported({ jobs, stopping }: RunPorts, job: KnownJob, nodes: ReadonlySet<string>): Promise<void> {
  const expected = job.assignments.filter(({ nodeId }) => nodes.has(nodeId));
  for (;;) {
    const revision = jobs.log.revision(job.jobId);
    const known = jobs.known(job.jobId);
    if (known === undefined || expected.every(({ rank }) => known.ends.has(rank))) return;
    await jobs.log.changed(job.jobId, revision, stopping);
  }
}

/** Gives back what the job held: cores, memory, its partition. */
export async function free({ ports, jobId }: Work): Promise<void> {
  const { capacity, pkeys, queue, vms, stopping } = ports;
  // The node-agents have written that VMs are idle or gone before they told; this only waits until the map shows it.
  await vms.caughtUp(stopping);
  capacity.release(jobId);
  pkeys.free(jobId);
  queue.kick();
}

/** Nothing more comes: whoever follows the output may stop. */
export async function seal({ ports, jobId }: Work): Promise<void> {
  await ports.bus.client(storagev1.OutputService).sealOutput({ jobId }, { timeoutMs: sealMs });
}
