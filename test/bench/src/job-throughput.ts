/**
 * Jobs per second from submission to completion, for a job that does nothing. Ours: `verbena up` in a process of its own, clients that submit
 * through its gateway. The figure holds what a user waits for: acceptance, placement, start, end, output sealed.
 */
import { createClient, type Client, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { jobv1 } from '@verbena/contracts';
import { Sandbox, type Running } from '@verbena/framework';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

export interface JobLoad {
  readonly jobs: number;
  readonly clients: number;
}

export interface Throughput {
  /** Until the last submission was acknowledged. */
  readonly submittedPerSecond: number;
  /** Until the last job was completed. */
  readonly completedPerSecond: number;
}

export interface NoopCluster {
  measure(load: JobLoad): Promise<Throughput>;
  readonly pid: number;
  close(): Promise<void>;
}

const program = new URL('../programs/noop.c', import.meta.url).pathname;
const pollMs = 50;
const liveStates = [jobv1.JobState.QUEUED, jobv1.JobState.DISTRIBUTING, jobv1.JobState.BOOTING, jobv1.JobState.RUNNING];

/** The image belongs to whoever pushed it. */
const asMe: Interceptor = (next) => (request) => {
  request.header.set('verbena-user', userInfo().username);
  return next(request);
};

/** Starts a cluster with eight cores on four hosts, builds the program, and runs it once on every core. */
export async function startNoopCluster(env: Readonly<Record<string, string>> = {}): Promise<NoopCluster> {
  const sandbox = await Sandbox.create();
  const up: Running = sandbox.start(['up', '--hosts', '4', '--cores', '2'], { timeoutMs: 900_000, env });
  try {
    await up.printed(/ready/i, 90_000);
    const first = await sandbox.cli(['run', '-n', '8', program]);
    if (first.code !== 0) throw new Error(`the program did not run: ${first.stderr}`);
    const { url } = JSON.parse(await readFile(join(sandbox.data, 'endpoint.json'), 'utf8')) as { url: string };
    const clientOf = (): Client<typeof jobv1.JobService> =>
      createClient(jobv1.JobService, createGrpcTransport({ baseUrl: url, interceptors: [asMe] }));
    const control = clientOf();
    const image = (await control.listJobs({})).jobs[0]?.imageDigest ?? '';
    return {
      pid: await sandbox.clusterProcess(),
      measure: (load) => measure(clientOf, control, image, load),
      async close() {
        up.signal('SIGTERM');
        await up.ended.catch(() => undefined);
        await sandbox.destroy();
      },
    };
  } catch (error) {
    await sandbox.destroy();
    throw error;
  }
}

async function measure(
  clientOf: () => Client<typeof jobv1.JobService>,
  control: Client<typeof jobv1.JobService>,
  image: string,
  { jobs, clients }: JobLoad,
): Promise<Throughput> {
  const began = performance.now();
  let left = jobs;
  const last: string[] = [];
  await Promise.all(
    Array.from({ length: clients }, async () => {
      const client = clientOf();
      while (left-- > 0) {
        const { job } = await client.submitJob({ spec: { name: 'noop', image, processes: 1 } });
        last.push(job?.id ?? '');
      }
    }),
  );
  const submitted = performance.now();
  while ((await control.listJobs({ states: liveStates, pageSize: 1 })).jobs.length > 0)
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  const completed = performance.now();
  const { jobs: newest } = await control.listJobs({ states: [jobv1.JobState.COMPLETED], pageSize: 1 });
  if (newest[0] === undefined || last.length !== jobs) throw new Error('not every job was completed');
  const { job } = await control.getJob({ id: last.at(-1) ?? '' });
  if (job?.state !== jobv1.JobState.COMPLETED) throw new Error(`job ${job?.id ?? ''} did not complete: ${job?.reason ?? ''}`);
  return { submittedPerSecond: (jobs * 1000) / (submitted - began), completedPerSecond: (jobs * 1000) / (completed - began) };
}

if (import.meta.main) {
  const cluster = await startNoopCluster();
  try {
    for (const jobs of process.argv.slice(2).map(Number)) {
      const { submittedPerSecond, completedPerSecond } = await cluster.measure({ jobs, clients: 8 });
      console.log(`${jobs} jobs: ${submittedPerSecond.toFixed(1)} submitted/s, ${completedPerSecond.toFixed(1)} completed/s`);
    }
  } finally {
    await cluster.close();
  }
}
