/** The steps that bring a placed job to where its ranks run, each over the nodes in parallel. */
import { imagev1, jobv1, nodev1 } from '@verbena/contracts';
import type { Assignment, KnownJob } from '@verbena/domain-job';
import { toWireSpec } from '../jobs/job-spec.ts';
import { mayPass, messageOf, nodeFailure, StepFailure } from './failure.ts';
import type { RunPorts } from './ports.ts';

export interface Work {
  readonly ports: RunPorts;
  /** As it was placed. */
  readonly job: KnownJob;
  /** Aborts when the job is over. */
  readonly signal: AbortSignal;
  /** Nodes whose ranks run, or ran. */
  readonly startedOn: Set<string>;
  /** Registers a call that is not cut off when the job is over. */
  readonly inFlight: <T>(call: Promise<T>) => Promise<T>;
}

const destroyMs = 15_000;
const distributionTries = 3;

/** Assignments by node. */
export function byNode(assignments: readonly Assignment[]): ReadonlyMap<string, readonly Assignment[]> {
  return Map.groupBy(assignments, ({ nodeId }) => nodeId);
}

function newVms({ job }: Work): readonly Assignment[] {
  return job.assignments.filter(({ reused }) => !reused);
}

/** Destroys the idle VMs that hold the cores of this job. One that cannot be destroyed shows when the boot finds no room. */
export async function evict({ ports, job, inFlight }: Work): Promise<void> {
  const { bus, vms, capacity, log } = ports;
  const mine = vms.live().filter(({ id, state }) => state.status === 'idle' && capacity.claimedBy(id) === job.jobId);
  const taken = new Set(job.assignments.map(({ vmId }) => vmId));
  const gone = mine.filter(({ id }) => !taken.has(id));
  await Promise.all(
    gone.map(({ id, state }) =>
      inFlight(bus.client(nodev1.NodeAgentService, state.nodeId).destroyVm({ vmId: id }, { timeoutMs: destroyMs })).catch(
        (error: unknown) => log.warn({ vm: id, error: messageOf(error) }, 'an idle VM could not be destroyed'),
      ),
    ),
  );
}

export interface ImageReady {
  readonly distributionId: string;
  readonly nodes: number;
  readonly rounds: number;
  readonly bytes: number;
}

/** Brings the image to every node where a VM must boot; the image manager finds out who has it already. */
export async function distribute(work: Work): Promise<ImageReady> {
  const nodeIds = [...byNode(newVms(work)).keys()];
  if (nodeIds.length === 0) return { distributionId: '', nodes: 0, rounds: 0, bytes: 0 };
  for (let attempt = 1; ; attempt++) {
    try {
      return await distributeOnce(work, nodeIds);
    } catch (error) {
      work.signal.throwIfAborted();
      if (attempt === distributionTries || !mayPass(error)) {
        throw new StepFailure('boot-failed', `the image could not be brought to the nodes: ${messageOf(error)}`, { cause: error });
      }
      await work.ports.clock.sleep(200 * attempt, work.signal);
    }
  }
}

async function distributeOnce({ ports, job, signal }: Work, nodeIds: readonly string[]): Promise<ImageReady> {
  const { bus, config, jobs, progress } = ports;
  const request = { imageDigest: job.match?.imageDigest ?? '', nodeIds: [...nodeIds], jobId: job.jobId };
  let last: imagev1.DistributeResponse | undefined;
  for await (const message of bus.client(imagev1.ImageService).distribute(request, { signal, timeoutMs: config.distributeTimeoutMs })) {
    last = message;
    if (message.progress === undefined) continue;
    progress.set(job.jobId, message.progress);
    jobs.log.touch(job.jobId);
  }
  if (last?.done !== true) throw new StepFailure('boot-failed', 'the distribution of the image ended without a result');
  const { distributionId, rounds, receipts } = last;
  const bytes = receipts.reduce((sum, { bytesReceived }) => sum + Number(bytesReceived), 0);
  return { distributionId, nodes: receipts.length, rounds, bytes };
}

export async function bootVms(work: Work): Promise<void> {
  const { ports, job, inFlight } = work;
  const { bus, config } = ports;
  await allOrFirst(
    newVms(work).map(async ({ vmId, nodeId, nodeName }) => {
      const request = {
        vmId,
        imageDigest: job.match?.imageDigest ?? '',
        memoryBytes: BigInt(job.match?.memoryBytes ?? 0),
        vcpus: job.spec.vcpusPerVm,
        ioPath: jobv1.IoPath.BYPASS,
        tenant: job.tenant,
        jobId: job.jobId,
      };
      try {
        await inFlight(bus.client(nodev1.NodeAgentService, nodeId).bootVm(request, { timeoutMs: config.bootTimeoutMs }));
      } catch (error) {
        throw nodeFailure(error, 'boot-failed', `VM ${vmId} did not boot on ${nodeName}`);
      }
    }),
  );
}

export async function startRanks({ ports, job, inFlight, startedOn }: Work, pkey: number): Promise<void> {
  const { bus, config } = ports;
  const nodesByRank = [...job.assignments].sort((a, b) => a.rank - b.rank).map(({ nodeId }) => nodeId);
  const spec = toWireSpec(job.spec, true);
  const fabric = [...new Set(nodesByRank)].map((nodeId) => {
    const node = ports.nodes.known(nodeId)?.node;
    return { nodeId, lid: node?.lid ?? 0, endpoint: node?.fabricEndpoint ?? '' };
  });
  await allOrFirst(
    [...byNode(job.assignments)].map(async ([nodeId, here]) => {
      const ranks = here.map(({ rank, vmId }) => ({ rank, vmId }));
      const request = { jobId: job.jobId, spec, ranks, nodesByRank, pkey, fabric };
      try {
        await inFlight(bus.client(nodev1.NodeAgentService, nodeId).startRanks(request, { timeoutMs: config.startTimeoutMs }));
        startedOn.add(nodeId);
      } catch (error) {
        throw nodeFailure(error, 'internal', `the ranks on ${ports.nodes.nameOf(nodeId)} could not be started`);
      }
    }),
  );
}

/** Waits for all, or throws the first failure at once: those that are under way are tracked by their own. */
async function allOrFirst(calls: readonly Promise<void>[]): Promise<void> {
  await Promise.all(calls);
}
