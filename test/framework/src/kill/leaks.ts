/** What a campaign must not leave: VMs that nobody knows of or wants, chunks that nothing names, files of jobs that are over, read models that miss something. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { eventv1, imagev1, jobv1, storagev1, vmv1 } from '@verbena/contracts';
import type { ProcessCluster } from '../process-cluster.ts';
import { patienceMs, persistently } from './patience.ts';

/** Everything is idle and cleared up; resolves when that is so. */
export async function nothingIsLeft(cluster: ProcessCluster, hosts: number, cores: number): Promise<void> {
  await cluster.ready(patienceMs);
  const nodes = Array.from({ length: hosts }, (_, index) => `node-${String(index)}`);
  await persistently('all VMs are idle, fit their nodes, and are all that the nodes have', () => onlyIdleVms(cluster, nodes, cores));
  await persistently('no scratch directory is left', async () => {
    for (const node of nodes) {
      const left = await readdir(join(cluster.dataDir, node, 'scratch')).catch(() => []);
      if (left.length > 0) throw new Error(`${node} has ${left.join(', ')}`);
    }
  });
  await persistently('all distributions have ended', () => noOpenDistribution(cluster));
  await persistently('every chunk is named by something', () => noStrayChunk(cluster, nodes));
  await persistently('output is of jobs', async () => {
    const known = new Set((await allJobs(cluster)).map(({ id }) => id));
    const strays = (await readdir(join(cluster.dataDir, 'storage', 'output')).catch(() => [])).filter((job) => !known.has(job));
    if (strays.length > 0) throw new Error(`storage has output of ${strays.join(', ')}`);
  });
  await readModelsAreRight(cluster);
}

/** Each read model is what a replay of the whole log makes of it: once, since a row that is missing does not come by waiting. */
async function readModelsAreRight(cluster: ProcessCluster): Promise<void> {
  const client = cluster.client(eventv1.EventService);
  for (const { name } of (await client.listReadModels({}, { timeoutMs: 10_000 })).models)
    for await (const { step } of client.replayReadModel({ name, checkOnly: true }, { timeoutMs: 60_000 })) {
      if (step.case !== 'outcome') continue;
      const { position, liveHash, rebuiltHash } = step.value;
      if (liveHash !== rebuiltHash) throw new Error(`the read model ${name} is not what the log says at position ${String(position)}`);
    }
}

async function onlyIdleVms(cluster: ProcessCluster, nodes: readonly string[], cores: number): Promise<void> {
  const { vms } = await cluster.client(vmv1.VmService).listVms({}, { timeoutMs: 5_000 });
  const busy = vms.filter(({ state }) => state !== vmv1.VmState.IDLE);
  if (busy.length > 0) throw new Error(busy.map(({ id, state, jobId }) => `${id} ${vmv1.VmState[state]} ${jobId}`).join(', '));
  for (const node of nodes) {
    const here = vms.filter(({ nodeId }) => nodeId === node);
    if (here.length > cores) throw new Error(`${node} has ${String(here.length)} VMs`);
    const metrics = await cluster.metrics(node);
    const live = ['booting', 'idle', 'busy'].map((phase) => metrics.value('verbena_node_vms', { node, phase }) ?? Number.NaN);
    if (live.join() !== [0, here.length, 0].join())
      throw new Error(`${node} itself has ${live.join(', ')} VMs that boot, are idle, run; the log has ${String(here.length)} idle`);
  }
}

async function noOpenDistribution(cluster: ProcessCluster): Promise<void> {
  const open = new Set<string>();
  const filter = { types: ['DistributionPlanned', 'DistributionCompleted', 'DistributionFailed'] };
  for (let after = 0n; ;) {
    const { events } = await cluster
      .client(eventv1.EventService)
      .listEvents({ filter, afterPosition: after, pageSize: 1_000 }, { timeoutMs: 5_000 });
    for (const { stream, type } of events)
      if (type === 'DistributionPlanned') open.add(stream);
      else open.delete(stream);
    if (events.length === 0) break;
    after = events.at(-1)?.position ?? after;
  }
  if (open.size > 0) throw new Error(`${[...open].join(', ')} have neither completed nor failed`);
}

/** A cache may hold a part of an image that is known; storage holds what images and files consist of; neither holds what is half-written. */
async function noStrayChunk(cluster: ProcessCluster, nodes: readonly string[]): Promise<void> {
  const named = new Set<string>();
  for (let pageToken = ''; ;) {
    const page = await cluster.client(imagev1.ImageService).listImages({ pageToken }, { timeoutMs: 5_000 });
    for (const { chunks } of page.images) for (const { digest } of chunks) named.add(digest);
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  for (const node of nodes) await onlyThese(join(cluster.dataDir, node, 'chunks'), named, node);
  const files = cluster.client(storagev1.OutputService);
  for (const { id } of await allJobs(cluster))
    for (const { chunks } of (await files.listFiles({ jobId: id }, { timeoutMs: 5_000 })).files)
      for (const digest of chunks) named.add(digest);
  await onlyThese(join(cluster.dataDir, 'storage', 'chunks'), named, 'storage');
}

async function onlyThese(directory: string, named: ReadonlySet<string>, where: string): Promise<void> {
  for (const shelf of await readdir(directory)) {
    const names = await readdir(join(directory, shelf)).catch(() => []);
    const strays = shelf === 'incoming' ? names : names.filter((name) => !named.has(`sha256:${name}`));
    if (strays.length > 0)
      throw new Error(`${where} has ${String(strays.length)} stray chunks in ${shelf}: ${strays.slice(0, 3).join(', ')}`);
  }
}

async function allJobs(cluster: ProcessCluster): Promise<readonly jobv1.Job[]> {
  const all: jobv1.Job[] = [];
  for (let pageToken = ''; ;) {
    const page = await cluster.client(jobv1.JobService).listJobs({ pageToken, pageSize: 200 }, { timeoutMs: 5_000 });
    all.push(...page.jobs);
    pageToken = page.nextPageToken;
    if (pageToken === '') return all;
  }
}
