import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { jobv1 } from '@verbena/contracts';
import { hasEnded, type ImageMatch, type JobSpec, type KnownJob, type RankEnd, type RankIo } from '@verbena/domain-job';
import { suffix } from '@verbena/ids';
import { callContext, currentTraceparent, nodeOnlyItself, seesTenant } from '@verbena/messaging';
import { inSpan, masked, pageOf } from '@verbena/service-kit';
import { isNoMatch, matchImage } from '../run/match.ts';
import type { RunPorts } from '../run/ports.ts';
import { RendezvousError } from '../run/rendezvous.ts';
import { fromWireCause, toWireState } from './end-causes.ts';
import { checkInputChunks } from './input-chunks.ts';
import { readJobSpec } from './job-spec.ts';
import { jobView } from './job-view.ts';
import { originOf, restartedSpec } from '../checkpoints/restarting.ts';
import type { RankEnds } from './rank-ends.ts';

export interface JobServiceParts extends RunPorts {
  readonly random: (bytes: number) => Uint8Array;
  readonly rankEnds: RankEnds;
  /** Brings the jobs in line with where the log says that their VMs are. */
  readonly follow: () => Promise<void>;
  /** More ranks for a job that runs. */
  readonly spawn: (request: jobv1.SpawnRanksRequest) => Promise<MessageInitShape<typeof jobv1.SpawnRanksResponseSchema>>;
  /** Starts the run of a job that is in the log. */
  readonly start: (jobId: string) => void;
  /** The job that an earlier submission under this command id gave. */
  readonly findSubmission: (commandId: string) => Promise<KnownJob | undefined>;
}

const longestKey = 128;
const mostReports = 4096;
const longestDetail = 64 * 1024;
const longestWait = 1024;

export function jobService(parts: JobServiceParts): ServiceImpl<typeof jobv1.JobService> {
  const { jobs, clock, progress, queue, tracer } = parts;
  const view = (job: KnownJob): jobv1.Job =>
    jobView(job, clock.now().getTime(), progress.get(job.jobId), parts.waits.get(job.jobId) ?? queue.reasonOf(job));
  const found = (id: string): KnownJob => {
    const job = jobs.known(id);
    // Another tenant's job does not exist for the caller.
    if (job === undefined || !seesTenant(callContext(), job.tenant))
      throw new ConnectError(`there is no job ${JSON.stringify(id.slice(0, 80))}`, Code.NotFound);
    return job;
  };
  return {
    submitJob: (request) => inSpan(tracer, 'submit job', {}, async () => ({ job: view(await submit(parts, request)) })),
    getJob: ({ id }) => ({ job: view(found(id)) }),
    listJobs({ states, pageSize, pageToken, readMask }) {
      const caller = callContext();
      const newestFirst = jobs.log
        .ids()
        .toReversed()
        .flatMap((id) => jobs.known(id) ?? [])
        .filter(({ tenant }) => seesTenant(caller, tenant));
      const wanted = (job: KnownJob): boolean => states.length === 0 || states.includes(toWireState(job));
      const { items, nextPageToken } = pageOf(newestFirst, ({ jobId }) => jobId, pageSize, pageToken, wanted);
      return { jobs: [...masked(jobv1.JobSchema, items.map(view), readMask)], nextPageToken };
    },
    async cancelJob({ id, reason }) {
      found(id);
      const why = reason === '' ? `cancelled by ${callContext().actor}` : reason.slice(0, 500);
      await jobs.execute(id, [{ type: 'EndJob', data: { cause: 'cancelled', reason: why } }]);
      return { job: view(found(id)) };
    },
    async *watchJob({ id }, { signal }) {
      for (;;) {
        const revision = jobs.log.revision(id);
        const job = found(id);
        yield { job: view(job) };
        if (hasEnded(job)) return;
        await jobs.log.changed(id, revision, signal);
        // What changes together is told together.
        await clock.sleep(parts.config.watchIntervalMs, signal);
      }
    },
    reportRank: (request) => reportRank(parts, request),
    spawnRanks: (request) => {
      nodeOnlyItself(request.nodeId);
      return parts.spawn(request);
    },
    rendezvous: (request, context) => rendezvous(parts, request, context),
  };
}

async function submit(parts: JobServiceParts, { spec: asked, idempotencyKey }: jobv1.SubmitJobRequest): Promise<KnownJob> {
  const { jobs, config, random, start } = parts;
  const { actor, tenant, roles } = callContext();
  const commandId = commandIdOf(idempotencyKey, tenant, actor);
  const earlier = commandId === undefined ? undefined : await parts.findSubmission(commandId);
  if (earlier !== undefined) return earlier;
  const wanted = readJobSpec(asked, config, roles);
  const origin = wanted.restartFrom ? await originOf(parts, wanted.restartFrom) : undefined;
  const spec = origin === undefined ? wanted : restartedSpec(wanted, origin.spec);
  if (origin === undefined) await checkInputChunks(parts.bus, spec);
  const match = origin === undefined ? await matchNow(parts, spec, actor) : origin.match;
  const jobId = `job-${suffix(random)}`;
  const submission = { jobId, spec, actor, tenant, roles, traceparent: currentTraceparent() ?? '' };
  const commands = [
    { type: 'SubmitJob' as const, data: submission },
    ...(match === undefined ? [] : [{ type: 'MatchJob' as const, data: match }]),
  ];
  const result = await jobs.execute(jobId, commands, commandId);
  if (!result.ok) throw new ConnectError(result.detail, result.reason === 'stale-epoch' ? Code.Unavailable : Code.Aborted);
  const job = jobs.known(jobId) ?? (commandId === undefined ? undefined : await parts.findSubmission(commandId));
  if (job === undefined) throw new ConnectError('the submission was repeated, but its first job is not in the log', Code.Internal);
  // A repetition that came at the same time gave the first one's job, which has its run already.
  if (job.jobId === jobId) start(jobId);
  return job;
}

function commandIdOf(key: string, tenant: string, actor: string): string | undefined {
  if (key === '') return undefined;
  if (key.length > longestKey || /[\u0000-\u001f]/.test(key)) {
    throw new ConnectError(
      `the idempotency key must have at most ${longestKey} characters and no control characters`,
      Code.InvalidArgument,
    );
  }
  // A key is its sender's own, and the three together may be longer than a command id.
  return `submit/${createHash('sha256')
    .update(JSON.stringify([tenant, actor, key]))
    .digest('hex')}`;
}

/** A wish that no image meets is refused at once; when nobody can say, the job is accepted and waits for an answer. */
async function matchNow({ bus }: JobServiceParts, spec: JobSpec, actor: string): Promise<ImageMatch | undefined> {
  try {
    return await matchImage(bus, spec, actor);
  } catch (error) {
    if (isNoMatch(error)) throw error;
    return undefined;
  }
}

async function reportRank(
  parts: JobServiceParts,
  { jobId, nodeId, reports, attempt }: jobv1.ReportRankRequest,
): Promise<Record<string, never>> {
  nodeOnlyItself(nodeId);
  const { jobs, rendezvous, deadlocks } = parts;
  let job = jobs.known(jobId);
  if (job === undefined) throw new ConnectError(`there is no job ${JSON.stringify(jobId.slice(0, 80))}`, Code.NotFound);
  if (reports.length > mostReports)
    throw new ConnectError(`${reports.length} reports in one call; at most ${mostReports} are possible`, Code.InvalidArgument);
  if (attempt !== 0 && attempt !== job.starts) return {};
  let stranger = strangerAmong(job, nodeId, reports);
  if (stranger !== undefined) {
    // It may have moved there a moment ago.
    await parts.follow();
    job = jobs.known(jobId) ?? job;
    stranger = strangerAmong(job, nodeId, reports);
  }
  if (stranger !== undefined && !hasEnded(job)) {
    throw new ConnectError(`node ${nodeId} reports rank ${stranger.rank} of ${jobId}, which does not run there`, Code.InvalidArgument);
  }
  for (const { rank, vmId, what } of reports) {
    if (what.case === 'blocked') {
      const { blocked, activity, waitsFor } = what.value;
      deadlocks.blocked(jobId, { rank, blocked, activity, waitsFor: oneLine(waitsFor) });
    }
    if (what.case === 'exited') {
      // Killed, and nobody had asked for it: the host is going down.
      if (what.value.cause === jobv1.EndCause.CANCELLED && jobs.known(jobId)?.status === 'running') parts.nodes.silent(nodeId);
      const result = await parts.rankEnds.record(jobId, rankEnd(rank, vmId, what.value));
      // A report of a life of the job that is over tells nothing new.
      if (!result.ok && result.reason !== 'wrong-state' && result.reason !== 'unknown-rank')
        throw new ConnectError(result.detail, Code.Unavailable);
      giveBack(parts, jobId, rank, vmId);
      rendezvous.exited(jobId, rank);
      deadlocks.exited(jobId, rank);
    }
  }
  return {};
}

/** The cores of a rank that a running job had got, and that has ended well, are free again; those that it began with it holds to its end. */
function giveBack({ jobs, capacity, queue }: JobServiceParts, jobId: string, rank: number, vmId: string): void {
  const job = jobs.known(jobId);
  const begun = job?.grown[0]?.first;
  if (job?.status !== 'running' || begun === undefined || rank < begun) return;
  capacity.releaseVm(vmId, jobId);
  queue.kick();
}

/** A report of a rank that does not run on the node. */
function strangerAmong(job: KnownJob, nodeId: string, reports: readonly jobv1.RankReport[]): jobv1.RankReport | undefined {
  const here = new Set(job.assignments.filter((assignment) => assignment.nodeId === nodeId).map(({ rank }) => rank));
  return reports.find(({ rank }) => !here.has(rank));
}

/** It comes in part from guest memory: what would break the reason's lines is taken out. */
function oneLine(text: string): string {
  return text.slice(0, longestWait).replace(/[\u0000-\u001f\u007f]/g, ' ');
}

function rankEnd(rank: number, vmId: string, exit: jobv1.RankExit): RankEnd {
  return {
    rank,
    vmId,
    cause: fromWireCause(exit.cause),
    exitCode: exit.exitCode,
    detail: exit.detail.slice(0, longestDetail),
    bytesSent: Number(exit.bytesSent),
    messagesSent: Number(exit.messagesSent),
    vmmOperations: Number(exit.vmmOperations),
    dataPathVmmOperations: Number(exit.dataPathVmmOperations),
    cpuSeconds: exit.cpuSeconds,
    memoryBytesUsed: Number(exit.memoryBytesUsed),
    outputFiles: exit.outputFiles,
    ...(exit.io === undefined ? {} : { io: rankIo(exit.io) }),
  };
}

/** Of the names under which a rank's seconds are counted; the contract has the same bounds. */
const most = { names: 64, nameBytes: 64 };

function rankIo(io: jobv1.RankIo): RankIo {
  const seconds = Object.entries(io.seconds).filter(
    ([name, value]) => name.length <= most.nameBytes && Number.isFinite(value) && value >= 0,
  );
  return {
    driverDomainOperations: Number(io.driverDomainOperations),
    adapterOperations: Number(io.adapterOperations),
    copiedBytes: Number(io.copiedBytes),
    channelMessages: Number(io.channelMessages),
    channelBytes: Number(io.channelBytes),
    networkFrames: Number(io.networkFrames),
    networkBytes: Number(io.networkBytes),
    seconds: Object.fromEntries(seconds.slice(0, most.names)),
  };
}

const rendezvousCodes: Readonly<Record<RendezvousError['kind'], Code>> = {
  'unknown-job': Code.FailedPrecondition,
  'bad-cards': Code.InvalidArgument,
  'rank-gone': Code.FailedPrecondition,
};

async function rendezvous(parts: JobServiceParts, request: jobv1.RendezvousRequest, { signal }: HandlerContext) {
  const brought = new Map(Object.entries(request.cards).map(([rank, card]) => [Number(rank), card]));
  const { attempt, jobId } = request;
  const job = parts.jobs.known(jobId);
  if (attempt !== 0 && job !== undefined && attempt !== job.starts)
    throw new ConnectError(`attempt ${attempt} of ${jobId} is over`, Code.FailedPrecondition);
  try {
    const join = () => untilAborted(parts.rendezvous.join(request.jobId, request.nodeId, request.generation, brought), signal);
    const all = join().catch(async (error: unknown) => {
      if (!(error instanceof RendezvousError) || error.kind !== 'bad-cards') throw error;
      // A rank that has just moved may be here sooner than the news of it.
      await parts.follow();
      return join();
    });
    return { cards: Object.fromEntries(await all) };
  } catch (error) {
    // A scheduler that has just taken over has not heard of the nodes yet.
    if (error instanceof RendezvousError && error.kind === 'unknown-job' && job?.status === 'running')
      throw new ConnectError(`the rendezvous of ${jobId} is not open yet`, Code.Unavailable);
    if (error instanceof RendezvousError) throw new ConnectError(error.message, rendezvousCodes[error.kind], undefined, undefined, error);
    throw error;
  }
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) aborted();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
