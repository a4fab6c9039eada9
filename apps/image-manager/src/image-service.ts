import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { imagev1 } from '@verbena/contracts';
import type { StoredVersion } from '@verbena/domain-image';
import { digestOfManifest, ImageFormatError, parseManifest } from '@verbena/guest-image';
import { suffix } from '@verbena/ids';
import { callContext, currentTraceparent } from '@verbena/messaging';
import { matchImage, type ImageOffer } from '@verbena/placement';
import { inSpan, metric, pageOf, type Metrics, type ServiceContext } from '@verbena/service-kit';
import type { EventStore } from '@verbena/event-sourcing';
import type { Catalogue, HeldVersion } from './catalogue.ts';
import { Distribution, DistributionError, type Status } from './distributor.ts';
import { Feed } from './feed.ts';

export interface ImageServiceParts extends ServiceContext {
  readonly store: EventStore;
  readonly catalogue: Catalogue;
  readonly stopping: AbortSignal;
}

const mostChunks = 65_536;
const largestChunk = 1 << 20;
const mostNodes = 4096;
const most = { labels: 256, labelBytes: 64 * 1024 };

export function imageService(parts: ImageServiceParts): ServiceImpl<typeof imagev1.ImageService> {
  const { catalogue } = parts;
  return {
    registerImage: (request) => register(parts, request),
    getImage({ ref }) {
      const found = catalogue.find(ref, callContext());
      if (!found.ok) throw new ConnectError(found.detail, found.reason === 'ambiguous' ? Code.InvalidArgument : Code.NotFound);
      return { image: imageView(found.version) };
    },
    listImages({ pageSize, pageToken }) {
      const { items, nextPageToken } = pageOf(catalogue.visible(callContext()), keyOf, pageSize, pageToken);
      return { images: items.map(imageView), nextPageToken };
    },
    matchImage: (request) => ({ image: imageView(match(catalogue, request)) }),
    distribute: (request, { signal }) => distribute(parts, request, AbortSignal.any([signal, parts.stopping])),
  };
}

const keyOf = ({ tenant, name, version }: HeldVersion): string => `${tenant}/${name}:${version}`;

function invalid(message: string, cause?: unknown): ConnectError {
  return new ConnectError(message, Code.InvalidArgument, undefined, undefined, cause);
}

async function register({ catalogue, clock }: ImageServiceParts, request: imagev1.RegisterImageRequest) {
  const { name, chunks, labels, public: isPublic } = request;
  const { actor, tenant } = callContext();
  const manifest = readManifest(request.manifest);
  checkChunks(request, manifest.content.bytes);
  checkLabels(labels);
  const content = { digest: digestOfManifest(request.manifest), manifest: new TextDecoder().decode(request.manifest) };
  const data = {
    ...content,
    name,
    owner: actor,
    public: isPublic,
    chunks: chunks.map(({ digest, size }) => ({ digest, size })),
    labels: { ...labels },
  };
  const traceparent = currentTraceparent();
  const metadata = { actor, tenant, ...(traceparent !== undefined && { traceparent }) };
  const result = await catalogue.register({ type: 'RegisterImage', at: clock.now().getTime(), data }, metadata);
  if (!result.ok) throw new ConnectError(result.detail, result.reason === 'version-conflict' ? Code.Aborted : Code.InvalidArgument);
  return { image: imageView(result.version), created: result.created };
}

function readManifest(bytes: Uint8Array) {
  try {
    return parseManifest(bytes);
  } catch (error) {
    if (error instanceof ImageFormatError) throw invalid(error.message, error);
    throw error;
  }
}

function checkChunks({ name, chunks }: imagev1.RegisterImageRequest, contentBytes: number): void {
  if (chunks.length === 0 || chunks.length > mostChunks)
    throw invalid(`image ${name} has ${chunks.length} chunks; 1 to ${mostChunks} are possible`);
  const bad = chunks.find(({ digest, size }) => !/^sha256:[0-9a-f]{64}$/.test(digest) || size < 1 || size > largestChunk);
  if (bad !== undefined)
    throw invalid(`image ${name} has a chunk ${JSON.stringify(bad.digest.slice(0, 80))} of ${bad.size} bytes, which cannot be`);
  const bytes = chunks.reduce((sum, { size }) => sum + size, 0);
  if (bytes !== contentBytes) throw invalid(`the chunks of image ${name} have ${bytes} bytes together; its manifest says ${contentBytes}`);
}

function checkLabels(labels: Readonly<Record<string, string>>): void {
  const texts = Object.entries(labels).flat();
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  if (texts.length > 2 * most.labels || bytes > most.labelBytes)
    throw invalid(`an image may have ${most.labels} labels of ${most.labelBytes} bytes together`);
}

interface Offer extends ImageOffer {
  readonly stored: StoredVersion;
}

function match(catalogue: Catalogue, { ref, requirements, actor: asked }: imagev1.MatchImageRequest): StoredVersion {
  const { actor: caller, tenant, roles } = callContext();
  // The scheduler asks for whoever submitted the job.
  const viewer = { actor: asked === '' ? caller : asked, tenant, roles: asked === '' || asked === caller ? roles : [] };
  const found = ref === '' ? undefined : catalogue.find(ref, viewer);
  if (found?.ok === false) throw new ConnectError(found.detail, found.reason === 'ambiguous' ? Code.InvalidArgument : Code.NotFound);
  const candidates = found === undefined ? catalogue.visible(viewer) : [found.version];
  const wanted = { os: '', abiVersion: '', libraries: {}, labels: {}, ...requirements };
  const result = matchImage(wanted, candidates.map(offerOf), viewer.actor);
  if (!result.ok) throw new ConnectError(result.detail, Code.FailedPrecondition);
  return result.offer.stored;
}

/** Who may use it has been asked when the candidates were chosen. */
function offerOf(stored: StoredVersion): Offer {
  const { os, abiVersion, libraries, labels } = parseManifest(new TextEncoder().encode(stored.manifest));
  const { name, version, createdAt } = stored;
  return {
    stored,
    name,
    version,
    os,
    abiVersion: String(abiVersion),
    libraries,
    labels: { ...labels, ...stored.labels },
    createdAt,
    onlyFor: undefined,
  };
}

async function* distribute(parts: ImageServiceParts, request: imagev1.DistributeRequest, signal: AbortSignal) {
  const { catalogue, clock, metrics, tracer, random } = parts;
  const image = catalogue.byDigest(request.imageDigest);
  if (image === undefined) throw new ConnectError(`there is no image ${JSON.stringify(request.imageDigest.slice(0, 80))}`, Code.NotFound);
  const nodes = [...new Set(request.nodeIds)];
  if (nodes.length > mostNodes) throw invalid(`${nodes.length} nodes in one distribution; at most ${mostNodes} are possible`);
  const distributionId = `dist-${suffix(random)}`;
  const { actor, tenant } = callContext();
  const feed = new Feed<Status>();
  const attributes = {
    'verbena.image.digest': image.digest,
    'verbena.distribution.id': distributionId,
    'verbena.distribution.nodes': nodes.length,
    ...(request.jobId !== '' && { 'verbena.job.id': request.jobId }),
  };
  const finished = inSpan(tracer, 'distribute', attributes, () => {
    const traceparent = currentTraceparent();
    const metadata = {
      actor,
      tenant,
      ...(request.jobId !== '' && { correlationId: request.jobId }),
      ...(traceparent !== undefined && { traceparent }),
    };
    const onProgress = (status: Status): void => feed.put(status);
    return new Distribution(parts, { distributionId, image, nodes, jobId: request.jobId, metadata, signal, onProgress }).run();
  });
  const began = clock.monotonic();
  finished.then(
    (status) => {
      feed.end();
      tellMetrics(metrics, (clock.monotonic() - began) / 1000, status);
    },
    () => {
      feed.end();
      tellMetrics(metrics, (clock.monotonic() - began) / 1000, undefined);
    },
  );
  for await (const status of feed) yield statusView(distributionId, status, false);
  try {
    yield statusView(distributionId, await finished, true);
  } catch (error) {
    if (parts.stopping.aborted)
      throw new ConnectError('the image manager stops: ask the next one', Code.Unavailable, undefined, undefined, error);
    if (error instanceof DistributionError) throw new ConnectError(error.message, Code.Aborted, undefined, undefined, error);
    throw error;
  }
}

function tellMetrics(metrics: Metrics, seconds: number, status: Status | undefined): void {
  metrics.count(metric.distributions, { outcome: status === undefined ? 'failed' : 'completed' });
  metrics.record(metric.distributionSeconds, {}, seconds);
  if (status === undefined) return;
  metrics.record(metric.distributionRounds, {}, status.rounds);
  metrics.count(metric.distributionBytes, {}, Math.max(0, status.bytesDone));
}

function statusView(distributionId: string, status: Status, done: boolean): imagev1.DistributeResponse {
  const { rounds, nodesTotal, bytesDone, bytesTotal, receipts } = status;
  return create(imagev1.DistributeResponseSchema, {
    distributionId,
    rounds,
    progress: { nodesDone: receipts.length, nodesTotal, rounds, bytesDone: BigInt(bytesDone), bytesTotal: BigInt(bytesTotal) },
    receipts: receipts.map(({ nodeId, round, bytes, chunks }) => ({
      nodeId,
      round,
      bytesReceived: BigInt(bytes),
      chunksReceived: chunks,
      error: '',
    })),
    done,
  });
}

function imageView({ digest, name, version, owner, public: isPublic, manifest, chunks, createdAt, labels }: StoredVersion): imagev1.Image {
  return create(imagev1.ImageSchema, {
    digest,
    name,
    version,
    owner,
    public: isPublic,
    sizeBytes: BigInt(chunks.reduce((sum, { size }) => sum + size, 0)),
    manifest: new TextEncoder().encode(manifest),
    chunks: chunks.map(({ digest: chunk, size }) => ({ digest: chunk, size })),
    createdAt: timestampFromMs(createdAt),
    labels: { ...labels },
  });
}
