/**
 * One run of a campaign of kill -9: one of the processes dies when the job has come to a step of its life. Whatever died, the job must complete,
 * its output and its file must be what one run of the program writes, once, and the log must tell of one job that ended once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { eventv1, jobv1, storagev1 } from '@verbena/contracts';
import type { GuestImage } from '@verbena/guest-image';
import type { ProcessCluster } from '../process-cluster.ts';
import { imageOfSeed, push } from './images.ts';
import { patienceMs, persistently } from './patience.ts';
import type { KillRun } from './plan.ts';

/** A step that a job does not come to, since what it needed was there: then in the middle of whatever it does. */
const noSuchStepMs = 3_000;

/** Kills, and says what became of it: undefined, or what is wrong. */
export async function runUnderKill(cluster: ProcessCluster, program: GuestImage, run: KillRun): Promise<string | undefined> {
  const image = await push(cluster, run.freshImage ? imageOfSeed(program, run.seed) : program, run.freshImage ? 'meets-fresh' : 'meets');
  const { head } = await persistently('the log can be read', async () => {
    const { events } = await cluster.client(eventv1.EventService).listEvents({ descending: true, pageSize: 1 }, { timeoutMs: 5_000 });
    return { head: events[0]?.position ?? 0n };
  });
  const stop = new AbortController();
  const seen = sees(cluster, head, run.step.event, stop.signal);
  const killing = Promise.race([seen, delay(noSuchStepMs)]).then(async () => {
    await delay(run.delayMs);
    if (run.victim === 'postgres') cluster.killPostgres();
    else await cluster.kill(run.victim);
  });
  const id = await submit(cluster, image, run);
  await killing;
  stop.abort();
  const job = await persistently(`${id} ends`, async () => {
    const { job: now } = await cluster.client(jobv1.JobService).getJob({ id }, { timeoutMs: 5_000 });
    if (now === undefined || now.state < jobv1.JobState.COMPLETED)
      throw new Error(`it is ${jobv1.JobState[now?.state ?? 0]}: ${now?.reason}`);
    return now;
  });
  if (job.state !== jobv1.JobState.COMPLETED) return `${id} ended as ${jobv1.JobState[job.state]}: ${job.reason}`;
  return (await wrongOutput(cluster, id, run)) ?? (await wrongFile(cluster, id, run)) ?? (await wrongStory(cluster, job, run));
}

/** What is acknowledged is a job; asked again under its key it is the same one. */
async function submit(cluster: ProcessCluster, image: string, run: KillRun): Promise<string> {
  const spec = {
    name: `run-${String(run.seed)}`,
    image,
    processes: run.processes,
    memoryBytes: run.memoryBytes,
    args: [String(run.seed)],
    onNodeLoss: jobv1.NodeLossPolicy.REQUEUE,
    maxRequeues: 20,
  };
  return persistently('the job is accepted', async () => {
    const request = { spec, idempotencyKey: `kill-${String(run.seed)}` };
    return (await cluster.client(jobv1.JobService).submitJob(request, { timeoutMs: 10_000 })).job?.id ?? '';
  });
}

async function sees(cluster: ProcessCluster, head: bigint, type: string, signal: AbortSignal): Promise<void> {
  try {
    const follow = cluster.client(eventv1.EventService).followEvents({ afterPosition: head }, { signal });
    for await (const { events } of follow) if (events.some((event) => event.type === type)) return;
  } catch {
    // The gateway was the victim, or the run is over.
  }
  await delay(patienceMs, undefined, { signal }).catch(() => undefined);
}

/** Each rank writes two lines, with the seed: once, whatever happened. */
async function wrongOutput(cluster: ProcessCluster, jobId: string, { seed, processes }: KillRun): Promise<string | undefined> {
  const lines = await persistently(`the output of ${jobId} can be read`, async () => {
    let text = '';
    const stream = cluster.client(storagev1.OutputService).streamOutput({ jobId, follow: true }, { timeoutMs: 10_000 });
    for await (const { pieces } of stream) for (const { data } of pieces) text += new TextDecoder().decode(data);
    return text.split('\n').filter((line) => line !== '');
  });
  const expected = Array.from({ length: processes }, (_, rank) => [
    `begin ${String(seed)} ${String(rank)}`,
    `end ${String(seed)} ${String(rank)}`,
  ]);
  const [want, got] = [expected.flat().sort().join('|'), lines.sort().join('|')];
  return want === got ? undefined : `the output of ${jobId} is ${got}`;
}

/** Rank 0 leaves a file with the seed in it. */
async function wrongFile(cluster: ProcessCluster, jobId: string, { seed }: KillRun): Promise<string | undefined> {
  const output = cluster.client(storagev1.OutputService);
  const found = await persistently(`the files of ${jobId} can be read`, async () => {
    const { files } = await output.listFiles({ jobId }, { timeoutMs: 10_000 });
    const texts: string[] = [];
    for (const { rank, path } of files) {
      let text = '';
      for await (const { data } of output.getFile({ jobId, rank, path }, { timeoutMs: 10_000 })) text += new TextDecoder().decode(data);
      texts.push(`${String(rank)} ${path} ${text}`);
    }
    return texts.join('|');
  });
  return found === `0 result.txt ${String(seed)}` ? undefined : `the files of ${jobId} are ${found}`;
}

/** One job was made of the submission, it ended once, and no rank's program was started or ended more than once in an attempt. */
async function wrongStory(cluster: ProcessCluster, { id, attempt }: jobv1.Job, { seed }: KillRun): Promise<string | undefined> {
  const { events, jobs } = await persistently('the log can be read', async () => {
    const story = await cluster.client(eventv1.EventService).listEvents({ filter: { jobId: id }, pageSize: 1_000 }, { timeoutMs: 5_000 });
    const list = await cluster.client(jobv1.JobService).listJobs({ pageSize: 50 }, { timeoutMs: 5_000 });
    return { events: story.events, jobs: list.jobs };
  });
  const same = jobs.filter(({ spec }) => spec?.name === `run-${String(seed)}`);
  if (same.length !== 1) return `the submission gave ${String(same.length)} jobs: ${same.map((job) => job.id).join(', ')}`;
  const ends = events.filter(({ type, stream }) => stream === id && ['JobCompleted', 'JobFailed', 'JobCancelled'].includes(type));
  if (ends.length !== 1) return `${id} ended ${String(ends.length)} times`;
  for (const what of ['VmStarted', 'RankExited']) {
    const ranks = events
      .filter(({ type }) => type === what)
      .map(({ data }) => (JSON.parse(new TextDecoder().decode(data)) as { rank: number }).rank);
    for (const [rank, times] of Map.groupBy(ranks, (rank) => rank))
      if (times.length > attempt)
        return `${what} of rank ${String(rank)} of ${id}: ${String(times.length)} times in ${String(attempt)} attempts`;
  }
  return undefined;
}
