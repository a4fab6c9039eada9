/** A job as the contract shows it, from its state and what is known of it at the moment. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { jobv1 } from '@verbena/contracts';
import { currentPhase, hasEnded, requeuesOf, type Assignment, type KnownJob, type RankIo } from '@verbena/domain-job';
import { parseTraceparent } from '@verbena/messaging';
import { rankStateOf, toWireCause, toWireState } from './end-causes.ts';
import { toWireSpec } from './job-spec.ts';

export type Progress = MessageInitShape<typeof jobv1.DistributionProgressSchema>;

/** @param waits why the job waits in the queue, when it does */
export function jobView(job: KnownJob, now: number, progress: Progress | undefined, waits = ''): jobv1.Job {
  const end = hasEnded(job) ? job.end : undefined;
  const reused = job.startedAt === undefined ? 0 : job.assignments.filter((assignment) => assignment.reused).length;
  return create(jobv1.JobSchema, {
    id: job.jobId,
    spec: toWireSpec(job.spec),
    state: toWireState(job),
    reason: waits === '' ? job.reason : waits,
    exitCode: end?.exitCode ?? 0,
    imageDigest: job.match?.imageDigest ?? '',
    ranks: job.assignments.map((assignment) => rankView(job, assignment)),
    submittedAt: timestampFromMs(job.submittedAt),
    ...(job.startedAt !== undefined && { startedAt: timestampFromMs(job.startedAt) }),
    ...(hasEnded(job) && { endedAt: timestampFromMs(job.endedAt) }),
    phaseSeconds: phaseSeconds(job, now),
    imageBytesTransferred: BigInt(job.imageBytesTransferred),
    vmsBooted: job.startedAt === undefined ? 0 : job.assignments.length - reused,
    vmsReused: reused,
    actor: job.actor,
    traceId: parseTraceparent(job.traceparent)?.traceId ?? '',
    ...(progress !== undefined && { distribution: progress }),
    attempt: job.starts,
    requeues: requeuesOf(job),
    restoredFrom: job.restoredFrom,
    endCause: end === undefined ? jobv1.EndCause.UNSPECIFIED : toWireCause(end.cause),
    outputFiles: [...job.ends.values()].reduce((sum, { outputFiles }) => sum + outputFiles, 0),
  });
}

/** Seconds of each phase that the job has been in; the present one until now. */
function phaseSeconds(job: KnownJob, now: number): Record<string, number> {
  const ms: Record<string, number> = { ...job.phaseMs };
  const phase = currentPhase(job);
  if (phase !== undefined) ms[phase] = (ms[phase] ?? 0) + Math.max(0, now - job.phaseSince);
  return Object.fromEntries(Object.entries(ms).map(([name, value]) => [name, value / 1000]));
}

function rankView(job: KnownJob, { rank, vmId, nodeId, nodeName }: Assignment): MessageInitShape<typeof jobv1.RankPlacementSchema> {
  const place = { rank, vmId, nodeId, nodeName };
  const end = job.ends.get(rank);
  if (end === undefined) {
    const { PLACED, RUNNING, KILLED } = jobv1.RankState;
    return { ...place, state: job.startedAt === undefined ? PLACED : hasEnded(job) ? KILLED : RUNNING };
  }
  return {
    ...place,
    state: rankStateOf(end),
    exitCode: end.exitCode,
    bytesSent: BigInt(end.bytesSent),
    messagesSent: BigInt(end.messagesSent),
    detail: end.detail,
    vmmOperations: BigInt(end.vmmOperations),
    dataPathVmmOperations: BigInt(end.dataPathVmmOperations),
    cpuSeconds: end.cpuSeconds,
    memoryBytesUsed: BigInt(end.memoryBytesUsed),
    ...(end.io === undefined ? {} : { io: ioView(end.io) }),
  };
}

const ioView = ({ seconds, ...counts }: RankIo): MessageInitShape<typeof jobv1.RankIoSchema> => ({
  driverDomainOperations: BigInt(counts.driverDomainOperations),
  adapterOperations: BigInt(counts.adapterOperations),
  copiedBytes: BigInt(counts.copiedBytes),
  channelMessages: BigInt(counts.channelMessages),
  channelBytes: BigInt(counts.channelBytes),
  networkFrames: BigInt(counts.networkFrames),
  networkBytes: BigInt(counts.networkBytes),
  seconds: { ...seconds },
});
