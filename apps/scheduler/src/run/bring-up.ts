/** What the steps of a job's start do, each over the nodes in parallel. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { imagev1, nodev1 } from '@verbena/contracts';
import type { Assignment, KnownJob } from '@verbena/domain-job';
import { currentTraceparent, withCallContext } from '@verbena/messaging';
import type { JobRequest } from '../jobs/jobs.ts';
import { wireIoPath } from '../jobs/io-path.ts';
import { toWireSpec } from '../jobs/job-spec.ts';
import { mayPass, messageOf, NodesSilent, StepFailure } from './failure.ts';
import { isNoMatch, matchImage } from './match.ts';
import type { RunPorts } from './ports.ts';
import { silentNodes } from './requeue.ts';
import { byNode, isGone, tracked, type Work } from './work.ts';

/** The job's ranks and how many more there was room for when they began. */
function universeOf({ capacity }: RunPorts, { assignments, match, spec }: KnownJob): number {
  const { nodes, idle } = capacity.view(match?.imageDigest ?? '');
  // A node that has come back with fewer cores than its VMs have has none to give.
  const free = nodes.filter(({ closed }) => closed === undefined).reduce((sum, { freeCores }) => sum + Math.max(0, freeCores), 0);
  return assignments.length + Math.floor((free + idle.reduce((sum, { vcpus }) => sum + vcpus, 0)) / Math.max(1, spec.vcpusPerVm));
}

const destroyMs = 15_000;

export async function match({ ports, job }: Work, signal: AbortSignal): Promise<readonly JobRequest[]> {
  const { spec, actor, tenant, roles } = job();
  const traceparent = currentTraceparent();
  // What the submitter may see, the job may have, whenever it is asked for.
  const submitter = { actor, tenant, roles, ...(traceparent !== undefined && { traceparent }) };
  try {
    const data = await withCallContext(submitter, () => matchImage(ports.bus, spec, actor, signal));
    return [{ type: 'MatchJob', data }];
  } catch (error) {
    if (isNoMatch(error)) throw new StepFailure('unsatisfiable', messageOf(error), { cause: error });
    throw error;
  }
}

function newVms({ assignments }: KnownJob): readonly Assignment[] {
  return assignments.filter(({ reused }) => !reused);
}

/** @throws NodesSilent when a node has come anew since the placement: what the job was to have there is gone */
export async function stillThere({ ports, job, jobId }: Work): Promise<void> {
  const gone = job().assignments.find((assignment) => isGone(ports, assignment));
  if (gone === undefined) return;
  const reason = `node ${gone.nodeName} was lost`;
  await ports.jobs.execute(jobId, [{ type: 'LoseNodeOfJob', data: { nodeId: gone.nodeId, reason } }]);
  throw new NodesSilent([], reason);
}

/** Destroys the idle VMs that hold the cores of this job; those that are gone already do no harm. */
async function evict(work: Work): Promise<void> {
  const { ports, jobId } = work;
  const { bus, vms, capacity, term } = ports;
  const job = work.job();
  const taken = new Set(job.assignments.map(({ vmId }) => vmId));
  const inTheWay = vms.live().filter(({ id, state }) => state.status === 'idle' && capacity.claimedBy(id) === jobId && !taken.has(id));
  await Promise.all(
    inTheWay.map(async ({ id, state: { nodeId } }) => {
      try {
        await tracked(work, nodeId, bus.client(nodev1.NodeAgentService, nodeId).destroyVm({ vmId: id, term }, { timeoutMs: destroyMs }));
      } catch (error) {
        throw await explained(ports, job, error, 'boot-failed', `idle VM ${id} could not be destroyed`);
      }
    }),
  );
}

type ImageReady = Extract<JobRequest, { type: 'RecordImageReady' }>['data'];

/** Brings the image to every node where a VM must boot; the image manager finds out who has it already. */
export async function distribute({ ports, job, jobId }: Work, signal: AbortSignal): Promise<ImageReady> {
  const nodeIds = [...byNode(newVms(job())).keys()];
  if (nodeIds.length === 0) return { distributionId: '', nodes: 0, rounds: 0, bytes: 0 };
  const { bus, config, jobs, progress } = ports;
  const request = { imageDigest: job().match?.imageDigest ?? '', nodeIds, jobId };
  let last: imagev1.DistributeResponse | undefined;
  try {
    for await (const message of bus.client(imagev1.ImageService).distribute(request, { signal, timeoutMs: config.distributeTimeoutMs })) {
      last = message;
      if (message.progress === undefined) continue;
      progress.set(jobId, message.progress);
      jobs.log.touch(jobId);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw await explained(ports, job(), error, 'boot-failed', 'the image could not be brought to the nodes');
  }
  if (last?.done !== true) throw new StepFailure('boot-failed', 'the distribution of the image ended without a result');
  const { distributionId, rounds, receipts } = last;
  const bytes = receipts.reduce((sum, { bytesReceived }) => sum + Number(bytesReceived), 0);
  return { distributionId, nodes: receipts.length, rounds, bytes };
}

/** A failure in the terms of the job: its nodes are silent, it may pass, or it is final. */
async function explained(
  ports: RunPorts,
  { assignments }: KnownJob,
  error: unknown,
  endCause: 'boot-failed' | 'internal',
  what: string,
): Promise<unknown> {
  const silent = await silentNodes(ports, [...byNode(assignments).keys()]);
  if (silent.length > 0) return new NodesSilent(silent, `${what}: ${messageOf(error)}`, { cause: error });
  return mayPass(error) ? error : new StepFailure(endCause, `${what}: ${messageOf(error)}`, { cause: error });
}

/** Makes room each time that it is tried: a node that was not reached then has no room now. */
export async function bootVms(work: Work): Promise<readonly JobRequest[]> {
  const { ports } = work;
  await evict(work);
  const { bus, config, term } = ports;
  const job = work.job();
  await Promise.all(
    newVms(job).map(async ({ vmId, nodeId, nodeName }) => {
      const request = {
        vmId,
        imageDigest: job.match?.imageDigest ?? '',
        memoryBytes: BigInt(job.match?.memoryBytes ?? 0),
        vcpus: job.spec.vcpusPerVm,
        ioPath: wireIoPath(job.spec.ioPath),
        tenant: job.tenant,
        jobId: job.jobId,
        term,
      };
      try {
        await tracked(work, nodeId, bus.client(nodev1.NodeAgentService, nodeId).bootVm(request, { timeoutMs: config.bootTimeoutMs }));
      } catch (error) {
        await stillThere(work);
        throw await explained(ports, job, error, 'boot-failed', `VM ${vmId} did not boot on ${nodeName}`);
      }
    }),
  );
  return [];
}

/** @throws StepFailure when the checkpoint has been removed since the job was to start from it */
async function startFromOf({ checkpoints }: RunPorts, { restoredFrom, jobId }: KnownJob) {
  if (restoredFrom === '') return undefined;
  const stored = await checkpoints.find(restoredFrom);
  if (stored === undefined) throw new StepFailure('internal', `${jobId} was to go on from checkpoint ${restoredFrom}, which was removed`);
  const { jobId: of, attempt, epoch } = stored;
  return { checkpointId: restoredFrom, jobId: of, attempt, epoch };
}

type StartRequest = Omit<MessageInitShape<typeof nodev1.StartRanksRequestSchema>, '$typeName' | 'nodesByRank' | 'universe'> & {
  readonly nodesByRank: string[];
  readonly universe: number;
};

/** The present attempt of a job, without ranks to start. */
export function startRequestOf(ports: RunPorts, job: KnownJob): StartRequest {
  const { jobId, starts: attempt, pkey } = job;
  const nodesByRank = [...job.assignments].sort((a, b) => a.rank - b.rank).map(({ nodeId }) => nodeId);
  const spec = toWireSpec(job.spec, true);
  const fabric = [...new Set(nodesByRank)].map((nodeId) => {
    const node = ports.nodes.known(nodeId)?.node;
    return { nodeId, lid: node?.lid ?? 0, endpoint: node?.fabricEndpoint ?? '' };
  });
  return { jobId, spec, nodesByRank, pkey, fabric, attempt, term: ports.term, universe: universeOf(ports, job) };
}

/**
 * Starts the ranks, or finds them running: then the node-agents' cards are put in the place of those that an earlier scheduler had. A node that
 * does not answer is asked until it does, or is lost.
 */
export async function connect(work: Work): Promise<readonly JobRequest[]> {
  const { ports, startedOn } = work;
  const { bus, config, rendezvous } = ports;
  const job = work.job();
  const { jobId } = job;
  const start = startRequestOf(ports, job);
  rendezvous.open(jobId, start.nodesByRank, work.over);
  for (const rank of job.ends.keys()) ports.deadlocks.exited(jobId, rank);
  const startFrom = await startFromOf(ports, job);
  // Those that it has got since were started when it got them.
  const begun = job.grown[0]?.first ?? job.assignments.length;
  await Promise.all(
    [...byNode(job.assignments)]
      .filter(([nodeId]) => !startedOn.has(nodeId))
      .map(async ([nodeId, here]) => {
        const ranks = here.filter(({ rank }) => rank < begun).map(({ rank, vmId }) => ({ rank, vmId }));
        if (ranks.length === 0) return;
        const request = { ...start, ranks, ...(startFrom !== undefined && { startFrom }) };
        try {
          const call = bus.client(nodev1.NodeAgentService, nodeId).startRanks(request, { timeoutMs: config.startTimeoutMs });
          const { meetings } = await tracked(work, nodeId, call);
          startedOn.add(nodeId);
          for (const { generation, cards } of meetings) rendezvous.recall(jobId, nodeId, generation, cards);
        } catch (error) {
          if (mayPass(error)) throw error;
          await stillThere(work);
          // Where all have ended, there is nothing left to start: the node may have forgotten them.
          if (here.every(({ rank }) => work.job().ends.has(rank))) return;
          const what = `the ranks on ${ports.nodes.nameOf(nodeId)} could not be started`;
          throw new StepFailure('internal', `${what}: ${messageOf(error)}`, { cause: error });
        }
      }),
  );
  // Those whose end is known will bring nothing more; what they had brought has been told by now.
  for (const rank of work.job().ends.keys()) rendezvous.exited(jobId, rank);
  return [];
}
