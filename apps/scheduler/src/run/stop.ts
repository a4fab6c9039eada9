/** What follows the decision that a job ends: nothing of it is left on any node, its output is sealed, its claims are given back. */
import { nodev1, storagev1 } from '@verbena/contracts';
import type { KnownJob } from '@verbena/domain-job';
import { bounded } from './bounded.ts';
import { byNode } from './bring-up.ts';
import { messageOf } from './failure.ts';
import type { RunPorts } from './ports.ts';

const inFlightMs = 10_000;
const lastReportsMs = 2_000;
const sealMs = 5_000;

export interface Remains {
  /** Calls to nodes that were under way when the job was over. */
  readonly inFlight: ReadonlySet<Promise<unknown>>;
  /** Nodes whose ranks run, or ran. */
  readonly startedOn: ReadonlySet<string>;
}

export async function stopAndFree(ports: RunPorts, job: KnownJob, { inFlight, startedOn }: Remains): Promise<void> {
  const { capacity, queue, vms, stopping, log } = ports;
  const clean = job.status === 'ending' && job.end.cause === 'exited';
  if (job.assignments.length > 0 && !clean) {
    await bounded(ports, inFlightMs, Promise.all(inFlight));
    const stopped = await stopOnNodes(ports, job);
    // A node that is lost, or has forgotten the job, will tell nothing.
    const told =
      job.status === 'ending' && job.end.cause === 'node-lost'
        ? new Set<string>()
        : new Set([...stopped].filter((node) => startedOn.has(node)));
    await bounded(ports, lastReportsMs, allReported(ports, job, told));
  }
  // The node-agents have written that VMs are idle or gone before they told; this only waits until the map shows it.
  await vms.caughtUp(stopping).catch((error: unknown) => log.warn({ error: messageOf(error) }, 'the map of VMs does not catch up'));
  capacity.release(job.jobId);
  queue.kick();
  // Whoever waits for a core need not wait for this.
  await seal(ports, job.jobId);
}

/** Nodes on which nothing of the job is left. */
async function stopOnNodes({ bus, config, log }: RunPorts, job: KnownJob): Promise<Set<string>> {
  const stopped = new Set<string>();
  const reason = job.reason.split('\n', 1)[0]?.slice(0, 500) ?? '';
  await Promise.all(
    [...byNode(job.assignments).keys()].map(async (nodeId) => {
      try {
        const request = { jobId: job.jobId, destroyVms: true, reason };
        await bus.client(nodev1.NodeAgentService, nodeId).stopRanks(request, { timeoutMs: config.stopTimeoutMs });
        stopped.add(nodeId);
      } catch (error) {
        log.warn(
          { job: job.jobId, node: nodeId, error: messageOf(error) },
          'a job could not be stopped on a node; its VMs are looked after later',
        );
      }
    }),
  );
  return stopped;
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

/** Nothing more comes: whoever follows the output may stop. */
async function seal({ bus, log }: RunPorts, jobId: string): Promise<void> {
  try {
    await bus.client(storagev1.OutputService).sealOutput({ jobId }, { timeoutMs: sealMs });
  } catch (error) {
    log.warn({ job: jobId, error: messageOf(error) }, 'the output of a job could not be sealed');
  }
}
