/** A job that could not be brought up is placed anew when that was a node's fault: nothing of it has run yet. */
import { nodev1 } from '@verbena/contracts';
import type { KnownJob } from '@verbena/domain-job';
import { byNode } from './bring-up.ts';
import type { RunPorts } from './ports.ts';
import { bounded } from './bounded.ts';

const askMs = 2_000;
const inFlightMs = 10_000;

/** True when a node did not answer and the job is back in the queue. Its VMs that have booted are idle, and are taken over by what comes next. */
export async function requeueWithoutSilentNodes(ports: RunPorts, job: KnownJob, inFlight: ReadonlySet<Promise<unknown>>): Promise<boolean> {
  if (job.status !== 'distributing' && job.status !== 'booting') return false;
  const silent = await silentNodes(ports, [...byNode(job.assignments).keys()]);
  if (silent.length === 0) return false;
  for (const node of silent) ports.nodes.silent(node);
  await bounded(ports, inFlightMs, Promise.all(inFlight));
  await ports.vms.caughtUp(ports.stopping);
  const names = silent.map((node) => ports.nodes.nameOf(node)).join(', ');
  const requeued = await ports.jobs.execute(job.jobId, [
    { type: 'RequeueJob', data: { reason: `back in the queue: ${names} did not answer` } },
  ]);
  ports.capacity.release(job.jobId);
  return requeued.ok;
}

async function silentNodes({ bus }: RunPorts, nodeIds: readonly string[]): Promise<readonly string[]> {
  const answers = await Promise.all(
    nodeIds.map((id) =>
      bus
        .client(nodev1.NodeAgentService, id)
        .listLocalVms({}, { timeoutMs: askMs })
        .then(
          () => true,
          () => false,
        ),
    ),
  );
  return nodeIds.filter((_, index) => answers[index] === false);
}
