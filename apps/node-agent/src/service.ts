/** NodeAgentService: checks what comes in, calls the part that does it, and turns refusals into RPC errors. */
import type { ServiceImpl } from '@connectrpc/connect';
import { nodev1, vmv1 } from '@verbena/contracts';
import type { PartitionMember } from '@verbena/domain-vm';
import type { Tracer } from '@opentelemetry/api';
import { callContext, type Bus } from '@verbena/messaging';
import { inSpan, metric, type Metrics } from '@verbena/service-kit';
import type { Logger } from 'pino';
import { adapterCounters } from './adapter-counters.ts';
import { subnetPort } from './subnet-port.ts';
import { asConnectError, messageOf, Refusal } from './errors.ts';
import { receiptOf, serveChildren, type ChildPort } from './images/distribute.ts';
import { describedImage, type CachedImage, type ImageCache } from './images/image-cache.ts';
import type { Holding } from './jobs/holding.ts';
import { jobGrowth, jobStart } from './jobs/job-start.ts';
import type { JobTable } from './jobs/job-table.ts';
import type { NodePort } from './node-port.ts';
import type { Terms } from './terms.ts';
import type { VmTable } from './vms/vm-table.ts';

export interface NodeAgentParts {
  readonly nodeId: string;
  readonly bus: Bus;
  readonly log: Logger;
  readonly tracer: Tracer;
  readonly metrics: Metrics;
  readonly images: ImageCache;
  readonly vms: VmTable;
  readonly jobs: JobTable;
  readonly holding: Holding;
  readonly port: NodePort;
  readonly terms: Terms;
  /** Whether the scheduler knows of this life of the node. */
  readonly registered: () => boolean;
  /** From storage. */
  readonly fetchChunk: (digest: string) => Promise<Uint8Array>;
  readonly signal: AbortSignal;
}

const missingMs = 10_000;
const receiveMs = 30_000;
const subtreeMs = 300_000;
const fetchesInFlight = 4;
const stopWaitMs = 20_000;

export function nodeAgentService(parts: NodeAgentParts): ServiceImpl<typeof nodev1.NodeAgentService> {
  const { images, vms, jobs, nodeId, terms } = parts;
  /** What was placed on a former life of this node is not here, and must not come to be: the scheduler learns it from the registration. */
  const mayStart = (term: bigint): void => {
    terms.check(term);
    if (!parts.registered()) throw new Refusal('unregistered', `${nodeId} is not registered with the scheduler at the moment`);
  };
  return {
    prepareImage: edge(async (request) => {
      const attributes = {
        'verbena.node.id': nodeId,
        'verbena.image.digest': request.imageDigest,
        'verbena.distribution.id': request.distributionId,
        'verbena.distribution.round': request.tree?.round ?? 0,
      };
      return { receipts: await inSpan(parts.tracer, 'prepare image', attributes, () => prepareImage(parts, request)) };
    }),
    missingChunks: edge(({ digests }) => Promise.resolve({ digests: images.missing(digests.map((digest) => ({ digest }))) })),
    receiveChunk: edge(async ({ digest, data }) => {
      await images.receive(digest, data);
      return {};
    }),
    bootVm: edge(async ({ vmId, imageDigest, memoryBytes, vcpus, tenant, jobId, term }) => {
      mayStart(term);
      const seconds = await vms.boot({
        vmId,
        imageDigest,
        memoryBytes: memoryBytes === 0n ? images.defaultMemoryBytes(imageDigest) : Number(memoryBytes),
        vcpus: vcpus === 0 ? 1 : vcpus,
        tenant,
        jobId,
      });
      return { seconds };
    }),
    startRanks: edge(async (request) => {
      mayStart(request.term);
      parts.port.learnPeers(request.fabric.filter((node) => node.nodeId !== nodeId));
      const meetings = await jobs.start(jobStart(request, nodeId));
      return { meetings: meetings.map(({ generation, cards }) => ({ generation, cards: Object.fromEntries(cards) })) };
    }),
    holdRanks: edge(async ({ jobId, attempt, epoch, timeoutMs, term }) => {
      terms.check(term);
      const { ranks, rendezvous } = await parts.holding.hold(jobId, attempt, epoch, timeoutMs);
      return { ranks: [...ranks], rendezvous };
    }),
    growRanks: edge(async (request) => {
      if (request.start === undefined) throw new Refusal('invalid', 'GrowRanks has no job');
      mayStart(request.start.term);
      parts.port.learnPeers(request.start.fabric.filter((node) => node.nodeId !== nodeId));
      const start = jobStart(request.start, nodeId);
      await parts.holding.grow(start, jobGrowth(request, start, nodeId), request.epoch);
      return {};
    }),
    freeRanks: edge(({ jobId, epoch, term }) => {
      terms.check(term);
      parts.holding.free(jobId, epoch);
      return Promise.resolve({});
    }),
    stopRanks: edge(async ({ jobId, destroyVms, reason, attempt, vmIds, term }) => {
      terms.check(term);
      const why = reason === '' ? 'stopped by the scheduler' : reason;
      await within(stopWaitMs, jobs.stop(jobId, why, attempt), `job ${jobId} is still being stopped on ${nodeId}`);
      if (destroyVms)
        await Promise.all(
          vms
            .list()
            .filter((vm) => vm.jobId === jobId && (vmIds.length === 0 || vmIds.includes(vm.request.vmId)))
            .map((vm) => vms.destroy(vm.request.vmId, why)),
        );
      return {};
    }),
    destroyVm: edge(async ({ vmId, term }) => {
      terms.check(term);
      await vms.destroy(vmId, 'asked for by the scheduler');
      return {};
    }),
    listLocalVms: edge(() =>
      Promise.resolve({
        vms: vms.list().map((vm) => ({
          vmId: vm.request.vmId,
          state: vm.domain?.state ?? 'created',
          imageDigest: vm.request.imageDigest,
          jobId: vm.phase === 'busy' ? vm.jobId : '',
        })),
      }),
    ),
    shareAdapter: edge(async ({ vmId, share, term }) => {
      terms.check(term);
      await vms.share(vmId, { weight: share?.weight ?? 1, bytesPerSecond: Number(share?.bytesPerSecond ?? 0n) }, callContext().actor);
      return {};
    }),
    plugVmFunction: edge(async ({ vmId, attached, term }) => {
      terms.check(term);
      await vms.plug(vmId, attached, callContext().actor);
      return {};
    }),
    setVmPartition: edge(async ({ vmId, member, term }) => {
      terms.check(term);
      const { partition = 0, membership = vmv1.PartitionMembership.UNSPECIFIED } = member ?? {};
      await vms.setPartition(vmId, { partition, membership: memberships[membership] }, callContext().actor);
      return {};
    }),
    readPort: edge(() => Promise.resolve({ port: subnetPort(parts.port) })),
    setPortEnabled: edge(({ enabled, term }) => {
      terms.check(term);
      parts.port.setEnabled?.(enabled);
      return Promise.resolve({});
    }),
    readCounters: edge(() => Promise.resolve({ counters: adapterCounters(parts.port) })),
  };
}

const memberships: Readonly<Record<vmv1.PartitionMembership, PartitionMember['membership']>> = {
  [vmv1.PartitionMembership.UNSPECIFIED]: 'none',
  [vmv1.PartitionMembership.LIMITED]: 'limited',
  [vmv1.PartitionMembership.FULL]: 'full',
};

function edge<Request, Response>(handler: (request: Request) => Promise<Response>): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await handler(request);
    } catch (error) {
      throw asConnectError(error instanceof TypeError ? new Refusal('invalid', error.message, { cause: error }) : error);
    }
  };
}

async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Refusal('stopping', what));
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Brings the image here, then to everyone below. What goes wrong on a node is that node's receipt. */
async function prepareImage(parts: NodeAgentParts, request: nodev1.PrepareImageRequest): Promise<nodev1.NodeReceipt[]> {
  const { images, nodeId } = parts;
  const tree = request.tree;
  if (tree?.nodeId !== nodeId)
    throw new Refusal('invalid', `the tree of ${request.distributionId} has ${JSON.stringify(tree?.nodeId)} at its root, not ${nodeId}`);
  const image = describedImage(request.imageDigest, request.manifest, request.chunks);
  const unpin = images.pin(image.digest);
  try {
    const own = await bringHere(parts, image, request);
    if (own.error !== '')
      return [own, ...below(tree).map((node) => receiptOf(node, { bytes: 0, chunks: 0 }, `${nodeId} could not serve it: ${own.error}`))];
    const children = await serveChildren(tree.children, {
      chunks: image.chunks,
      read: (digest) => images.read(digest),
      port: childPort(parts, request),
      edge: (child, send) => {
        const attributes = {
          'verbena.node.id': child.nodeId,
          'verbena.image.digest': image.digest,
          'verbena.distribution.id': request.distributionId,
          'verbena.distribution.round': child.round,
        };
        return inSpan(parts.tracer, 'serve node', attributes, async (span) => {
          const sent = await send();
          span.setAttributes({ 'verbena.distribution.bytes': sent.bytes, 'verbena.distribution.chunks': sent.chunks });
          return sent;
        });
      },
    });
    return [own, ...children];
  } finally {
    unpin();
  }
}

async function bringHere(
  { images, fetchChunk, log, metrics, nodeId }: NodeAgentParts,
  image: CachedImage,
  request: nodev1.PrepareImageRequest,
): Promise<nodev1.NodeReceipt> {
  const node = { nodeId: request.tree?.nodeId ?? '', round: request.tree?.round ?? 0 };
  const sent = { bytes: 0, chunks: 0 };
  try {
    const outcome = images.list().includes(image.digest) ? 'hit' : 'miss';
    metrics.count(metric.imageCacheLookups, { node: nodeId, outcome });
    await images.makeRoom(image);
    const queue = request.fetchFromStorage ? images.missing(image.chunks) : [];
    const fetcher = async (): Promise<void> => {
      for (let digest = queue.shift(); digest !== undefined; digest = queue.shift()) {
        const data = await fetchChunk(digest);
        await images.receive(digest, data);
        sent.bytes += data.length;
        sent.chunks++;
      }
    };
    await Promise.all(Array.from({ length: fetchesInFlight }, fetcher));
    await images.complete(image);
    return receiptOf(node, sent, '');
  } catch (error) {
    log.warn({ image: image.digest, error: messageOf(error) }, 'an image could not be prepared');
    return receiptOf(node, sent, messageOf(error));
  }
}

function childPort({ bus, signal }: NodeAgentParts, request: nodev1.PrepareImageRequest): ChildPort {
  const child = (nodeId: string) => bus.client(nodev1.NodeAgentService, nodeId);
  return {
    missing: async (nodeId, digests) =>
      (await child(nodeId).missingChunks({ digests: [...digests] }, { timeoutMs: missingMs, signal })).digests,
    receive: async (nodeId, digest, data) => {
      await child(nodeId).receiveChunk({ digest, data }, { timeoutMs: receiveMs, signal });
    },
    prepare: async (nodeId, tree) => {
      const { imageDigest, manifest, chunks, distributionId } = request;
      return (
        await child(nodeId).prepareImage(
          { imageDigest, manifest, chunks, distributionId, tree, fetchFromStorage: false },
          { timeoutMs: subtreeMs, signal },
        )
      ).receipts;
    },
  };
}

function below(tree: nodev1.Subtree): nodev1.Subtree[] {
  return tree.children.flatMap((child) => [child, ...below(child)]);
}
