/**
 * A campaign of kill -9 against a cluster of processes. Each run is a job, a victim and a moment, all from the run's number: one of the processes
 * dies when the job has come to a step of its start or its end. Whatever died, the job must complete, its output must hold what one run of the
 * program writes, once, and nothing of it may be left.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventv1, jobv1, storagev1, vmv1 } from '@verbena/contracts';
import { seededRandom } from '@verbena/service-kit/testing';
import type { ProcessCluster } from './process-cluster.ts';

/** What the log shows when a job has come to a step. */
export const killSteps = [
  'JobSubmitted',
  'JobPlaced',
  'DistributionPlanned',
  'VmCreated',
  'VmBooted',
  'JobStarted',
  'VmStarted',
  'RankExited',
  'JobEnding',
  'OutputSealed',
] as const;

export interface KillRun {
  readonly seed: number;
  readonly victim: string;
  readonly step: (typeof killSteps)[number];
  /** After the step was seen. */
  readonly delayMs: number;
  readonly processes: number;
  /** Memory of the VMs, so that some runs find no idle ones and boot. */
  readonly memoryBytes: bigint;
}

/** Victims and steps in turn, the rest by the seed. */
export function killRun(seed: number, victims: readonly string[], mostProcesses: number): KillRun {
  const random = seededRandom(seed * 7919 + 1);
  const roll = (sides: number): number => ((random(1)[0] ?? 0) * 256 + (random(1)[0] ?? 0)) % sides;
  roll(2);
  return {
    seed,
    victim: victims[seed % victims.length] ?? '',
    step: killSteps[Math.floor(seed / victims.length) % killSteps.length] ?? 'JobSubmitted',
    delayMs: roll(40),
    processes: 1 + roll(mostProcesses),
    memoryBytes: BigInt((256 + roll(3)) * 65_536),
  };
}

const patienceMs = 120_000;

/** Repeats what a killed process may have cut off. */
async function persistently<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw new Error(`it did not come true in ${String(patienceMs)} ms: ${what}`, { cause: error });
      await delay(50);
    }
  }
}

/** Kills, and says what became of it: undefined, or what is wrong. */
export async function runUnderKill(cluster: ProcessCluster, image: string, run: KillRun): Promise<string | undefined> {
  const jobs = cluster.client(jobv1.JobService);
  const spec = {
    name: `run-${String(run.seed)}`,
    image,
    processes: run.processes,
    memoryBytes: run.memoryBytes,
    args: [String(run.seed)],
    onNodeLoss: jobv1.NodeLossPolicy.REQUEUE,
    maxRequeues: 20,
  };
  const { head } = await persistently('the log can be read', async () => {
    const { events } = await cluster.client(eventv1.EventService).listEvents({ descending: true, pageSize: 1 }, { timeoutMs: 5_000 });
    return { head: events[0]?.position ?? 0n };
  });
  const stop = new AbortController();
  const seen = sees(cluster, head, run.step, stop.signal);
  // A step that this job does not come to, since its VMs were there: then in the middle of whatever it does.
  const killing = Promise.race([seen, delay(1_500)]).then(async () => {
    await delay(run.delayMs);
    if (run.victim === 'postgres') cluster.killPostgres();
    else await cluster.kill(run.victim);
  });
  const id = await persistently('the job is accepted', async () => {
    const request = { spec, idempotencyKey: `kill-${String(run.seed)}` };
    return (await jobs.submitJob(request, { timeoutMs: 10_000 })).job?.id ?? '';
  });
  await killing;
  stop.abort();
  const job = await persistently(`${id} ends`, async () => {
    const { job: now } = await jobs.getJob({ id }, { timeoutMs: 5_000 });
    if (now === undefined || now.state < jobv1.JobState.COMPLETED)
      throw new Error(`it is ${jobv1.JobState[now?.state ?? 0]}: ${now?.reason}`);
    return now;
  });
  if (job.state !== jobv1.JobState.COMPLETED) return `${id} ended as ${jobv1.JobState[job.state]}: ${job.reason}`;
  return (await wrongOutput(cluster, id, run)) ?? (await wrongStarts(cluster, job));
}

async function sees(cluster: ProcessCluster, head: bigint, step: string, signal: AbortSignal): Promise<void> {
  try {
    const follow = cluster.client(eventv1.EventService).followEvents({ afterPosition: head }, { signal });
    for await (const { events } of follow) if (events.some(({ type }) => type === step)) return;
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

/** A rank's program is started at most once in each attempt. */
async function wrongStarts(cluster: ProcessCluster, { id, attempt }: jobv1.Job): Promise<string | undefined> {
  const filter = { jobId: id, types: ['VmStarted'] };
  const { events } = await persistently('the log can be read', () =>
    cluster.client(eventv1.EventService).listEvents({ filter, pageSize: 1_000 }, { timeoutMs: 5_000 }),
  );
  const byRank = Map.groupBy(events, ({ data }) => (JSON.parse(new TextDecoder().decode(data)) as { rank: number }).rank);
  for (const [rank, starts] of byRank)
    if (starts.length > attempt)
      return `rank ${String(rank)} of ${id} was started ${String(starts.length)} times in ${String(attempt)} attempts`;
  return undefined;
}

/** Everything is idle and cleared up; resolves when that is so. */
export async function nothingIsLeft(cluster: ProcessCluster, hosts: number, cores: number): Promise<void> {
  await cluster.ready(patienceMs);
  await persistently('all VMs are idle, and fit their nodes', async () => {
    const { vms } = await cluster.client(vmv1.VmService).listVms({}, { timeoutMs: 5_000 });
    const busy = vms.filter(({ state }) => state !== vmv1.VmState.IDLE);
    if (busy.length > 0) throw new Error(busy.map(({ id, state, jobId }) => `${id} ${vmv1.VmState[state]} ${jobId}`).join(', '));
    for (const [node, here] of Map.groupBy(vms, ({ nodeId }) => nodeId))
      if (here.length > cores) throw new Error(`${node} has ${String(here.length)} VMs`);
  });
  await persistently('no scratch directory is left', async () => {
    for (let index = 0; index < hosts; index++) {
      const left = await readdir(join(cluster.dataDir, `node-${String(index)}`, 'scratch')).catch(() => []);
      if (left.length > 0) throw new Error(`node-${String(index)} has ${left.join(', ')}`);
    }
  });
}
