/** A job of a campaign from its submission to its end, and what is wrong with the story that it leaves. */
import { eventv1, jobv1, storagev1 } from '@verbena/contracts';
import type { ProcessCluster } from '../process-cluster.ts';
import { persistently } from './patience.ts';
import type { JobPlan } from './plan.ts';

/** kill -9, of a process or of the Postgres server. */
export async function slay(cluster: ProcessCluster, victim: string): Promise<void> {
  if (victim === 'postgres') cluster.killPostgres();
  else await cluster.kill(victim);
}

/** Waits for the job's end. @returns what is wrong with it, or undefined */
export async function wrongEnd(cluster: ProcessCluster, id: string, plan: JobPlan): Promise<string | undefined> {
  const job = await persistently(`${id} ends`, async () => {
    const { job: now } = await cluster.client(jobv1.JobService).getJob({ id }, { timeoutMs: 5_000 });
    if (now === undefined || now.state < jobv1.JobState.COMPLETED)
      throw new Error(`it is ${jobv1.JobState[now?.state ?? 0]}: ${now?.reason}`);
    return now;
  });
  if (job.state !== jobv1.JobState.COMPLETED) return `${id} ended as ${jobv1.JobState[job.state]}: ${job.reason}`;
  return (await wrongOutput(cluster, id, plan)) ?? (await wrongFile(cluster, id, plan)) ?? (await wrongStory(cluster, job, plan));
}

/** What is acknowledged is a job; asked again under its key it is the same one. */
export async function submit(cluster: ProcessCluster, image: string, plan: JobPlan): Promise<string> {
  const { name, processes, memoryBytes, rounds } = plan;
  const spec = {
    name,
    image,
    processes,
    memoryBytes,
    args: [name, String(rounds)],
    onNodeLoss: jobv1.NodeLossPolicy.REQUEUE,
    maxRequeues: 20,
  };
  return persistently('the job is accepted', async () => {
    const request = { spec, idempotencyKey: name };
    return (await cluster.client(jobv1.JobService).submitJob(request, { timeoutMs: 10_000 })).job?.id ?? '';
  });
}

/** Each rank writes two lines, with the job's name: once, whatever happened. */
async function wrongOutput(cluster: ProcessCluster, jobId: string, { name, processes }: JobPlan): Promise<string | undefined> {
  const lines = await persistently(`the output of ${jobId} can be read`, async () => {
    let text = '';
    const stream = cluster.client(storagev1.OutputService).streamOutput({ jobId, follow: true }, { timeoutMs: 10_000 });
    for await (const { pieces } of stream) for (const { data } of pieces) text += new TextDecoder().decode(data);
    return text.split('\n').filter((line) => line !== '');
  });
  const expected = Array.from({ length: processes }, (_, rank) => [`begin ${name} ${String(rank)}`, `end ${name} ${String(rank)}`]);
  const [want, got] = [expected.flat().sort().join('|'), lines.sort().join('|')];
  return want === got ? undefined : `the output of ${jobId} is ${got}`;
}

/** Rank 0 leaves a file with the job's name in it. */
async function wrongFile(cluster: ProcessCluster, jobId: string, { name }: JobPlan): Promise<string | undefined> {
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
  return found === `0 result.txt ${name}` ? undefined : `the files of ${jobId} are ${found}`;
}

/** One job was made of the submission, it ended once, and no rank's program was started or ended more than once in an attempt. */
async function wrongStory(cluster: ProcessCluster, { id, attempt }: jobv1.Job, { name }: JobPlan): Promise<string | undefined> {
  const { events, jobs } = await persistently('the log can be read', async () => {
    const story = await cluster.client(eventv1.EventService).listEvents({ filter: { jobId: id }, pageSize: 1_000 }, { timeoutMs: 5_000 });
    const list = await cluster.client(jobv1.JobService).listJobs({ pageSize: 50 }, { timeoutMs: 5_000 });
    return { events: story.events, jobs: list.jobs };
  });
  const same = jobs.filter(({ spec }) => spec?.name === name);
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
