import type { Client } from '@connectrpc/connect';
import { imagev1 } from '@verbena/contracts';
import { distributionDecider } from '@verbena/domain-image';
import { createMemoryEventStore, handle, type EventStore } from '@verbena/event-sourcing';
import { buildImage, chunk, type GuestImage } from '@verbena/guest-image';
import { withCallContext } from '@verbena/messaging';
import type { RunningService } from '@verbena/service-kit';
import { testContext, type TestContext } from '@verbena/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startImageManager } from './index.ts';
import { FakeNodes } from './testing/fake-nodes.ts';

let context: TestContext;
let store: EventStore;
let service: RunningService;
let nodes: FakeNodes;
let client: Client<typeof imagev1.ImageService>;

beforeEach(async () => {
  context = await testContext();
  store = createMemoryEventStore();
  service = await startImageManager(context, { store });
  nodes = new FakeNodes(context.bus);
  client = context.bus.client(imagev1.ImageService);
});
afterEach(async () => {
  await service.stop();
  await context.dispose();
});

const guest = (seed: number, libraries: Record<string, string> = { mpi: '3.1' }): GuestImage =>
  buildImage({
    wasm: new Uint8Array(40_000).map((_, index) => (index * 31 * seed) & 0xff),
    libraries,
    memory: { minimumBytes: 1 << 16, defaultBytes: 1 << 20 },
    asyncify: null,
  });

function register(image: GuestImage, options: { name?: string; actor?: string; public?: boolean; labels?: Record<string, string> } = {}) {
  const { name = 'hello', actor = 'ada', labels = {}, public: isPublic = false } = options;
  const chunks = chunk(image.wasm).map(({ digest, size }) => ({ digest, size }));
  return as(actor, () => client.registerImage({ name, manifest: image.manifestBytes, chunks, labels, public: isPublic }));
}

function as<T>(actor: string, run: () => T): T {
  return withCallContext({ actor, tenant: 'physics' }, run);
}

describe('the catalogue', () => {
  it('gives each content a version of its name, and the same content the same version', async () => {
    const first = await register(guest(1));
    const again = await register(guest(1));
    const second = await register(guest(2));
    expect([first, again, second].map(({ image, created }) => [image?.version, created])).toEqual([
      [1, true],
      [1, false],
      [2, true],
    ]);
    expect(first.image).toMatchObject({ digest: guest(1).digest, owner: 'ada', sizeBytes: 40_000n });
  });

  it('finds by name, version, digest, and what a digest begins with', async () => {
    await register(guest(1));
    await register(guest(2));
    const version = async (ref: string) => (await as('ada', () => client.getImage({ ref }))).image?.version;
    const { digest } = guest(1);
    expect(await Promise.all(['hello', 'hello:1', digest, digest.slice(0, 19), digest.slice(7, 19)].map(version))).toEqual([2, 1, 1, 1, 1]);
    await expect(version('hello:9')).rejects.toThrow(/no image "hello:9"; hello has the versions 1, 2/);
    await expect(version('nowhere')).rejects.toThrow(/no image "nowhere"/);
    await expect(version('not a ref')).rejects.toThrow(/no image reference/);
  });

  it('shows a private image to its owner and to administrators, a public one to all (R26)', async () => {
    await register(guest(1), { name: 'private' });
    await register(guest(2), { name: 'template', public: true });
    const seen = async (actor: string, roles: string[] = []) =>
      (await withCallContext({ actor, tenant: 'physics', roles }, () => client.listImages({}))).images.map(({ name }) => name);
    expect(await seen('ada')).toEqual(['template', 'private']);
    expect(await seen('bob')).toEqual(['template']);
    expect(await seen('root', ['admin'])).toEqual(['template', 'private']);
    await expect(as('bob', () => client.getImage({ ref: 'private' }))).rejects.toThrow(/no image "private"/);
    await expect(as('scheduler', () => client.matchImage({ ref: 'private', actor: 'bob' }))).rejects.toThrow(/no image "private"/);
  });

  it('matches requirements, and says what the nearest image lacks', async () => {
    await register(guest(1), { name: 'old' });
    await register(guest(2, { mpi: '4.0' }), { name: 'new', labels: { tuned: 'yes' } });
    const match = async (requirements: { libraries?: Record<string, string>; labels?: Record<string, string> }, ref = '') =>
      (await as('scheduler', () => client.matchImage({ ref, actor: 'ada', requirements }))).image?.name;
    expect(await match({})).toBe('new');
    expect(await match({ libraries: { mpi: '3' } })).toBe('old');
    expect(await match({ labels: { tuned: 'yes' } })).toBe('new');
    await expect(match({ libraries: { mpi: '5' } })).rejects.toThrow(
      /no image offers library mpi 5; nearest: new:1, which lacks library mpi 5 \(it has 4.0\)/,
    );
    await expect(match({ libraries: { mpi: '4' } }, 'old')).rejects.toThrow(/nearest: old:1/);
  });

  it('refuses what is no image', async () => {
    const { manifestBytes, wasm } = guest(1);
    const chunks = chunk(wasm).map(({ digest, size }) => ({ digest, size }));
    const refused = (request: Parameters<typeof client.registerImage>[0]) =>
      expect(client.registerImage({ name: 'x', manifest: manifestBytes, chunks, ...request })).rejects;
    await refused({ name: 'a:b' }).toThrow(/cannot name an image/);
    await refused({ manifest: new TextEncoder().encode('{}') }).toThrow(/manifest/);
    await refused({ chunks: [] }).toThrow(/0 chunks/);
    await refused({ chunks: [{ digest: chunks[0]?.digest ?? '', size: 39_999 }] }).toThrow(/bytes together; its manifest says 40000/);
    await refused({ chunks: [{ digest: 'sha256:no', size: 40_000 }] }).toThrow(/cannot be/);
    expect(await store.readAll()).toEqual([]);
  });

  it('is there again after a restart', async () => {
    await register(guest(1));
    await service.stop();
    service = await startImageManager(context, { store });
    expect((await as('ada', () => client.getImage({ ref: 'hello' }))).image?.digest).toBe(guest(1).digest);
    expect((await register(guest(1))).created).toBe(false);
  });
});

describe('a distribution', () => {
  const seven = Array.from({ length: 7 }, (_, index) => `node-${index}`);
  const image = guest(1);
  const digests = chunk(image.wasm).map(({ digest }) => digest as string);
  beforeEach(async () => {
    await register(image);
    await nodes.add(...seven);
  });

  async function distribute(nodeIds: readonly string[] = seven, jobId = 'job-1') {
    const messages: imagev1.DistributeResponse[] = [];
    for await (const message of client.distribute({ imageDigest: image.digest, nodeIds: [...nodeIds], jobId })) messages.push(message);
    const last = messages.at(-1);
    if (last === undefined) throw new Error('there was no message');
    return { messages, last };
  }
  const story = async () => (await store.readAll({ filter: { correlationId: 'job-1' } })).map(({ event }) => event.type);

  it('serves seven nodes in three rounds, each link once (R31)', async () => {
    const { messages, last } = await distribute();
    expect(last).toMatchObject({
      done: true,
      rounds: 3,
      progress: { nodesDone: 7, nodesTotal: 7, bytesDone: 280_000n, bytesTotal: 280_000n },
    });
    expect([...nodes.transfers].sort()).toEqual(
      [
        'storage>node-0@1',
        'storage>node-1@2',
        'node-0>node-2@2',
        'storage>node-3@3',
        'node-0>node-4@3',
        'node-1>node-5@3',
        'node-2>node-6@3',
      ].sort(),
    );
    expect(messages.slice(0, -1).every(({ done }) => !done)).toBe(true);
    expect(await story()).toEqual(['DistributionPlanned', ...seven.map(() => 'NodeReceived'), 'DistributionCompleted']);
  });

  it('leaves nodes alone that have the image', async () => {
    await distribute(['node-0', 'node-1']);
    const { last } = await distribute(['node-0', 'node-1', 'node-2']);
    expect(last).toMatchObject({ rounds: 1, progress: { nodesDone: 3, bytesDone: 40_000n } });
    expect(last.receipts.map(({ nodeId, bytesReceived }) => [nodeId, Number(bytesReceived)])).toEqual([
      ['node-0', 0],
      ['node-1', 0],
      ['node-2', 40_000],
    ]);
    const { last: nothing } = await distribute(['node-2']);
    expect(nothing).toMatchObject({ done: true, rounds: 0, progress: { bytesDone: 0n, bytesTotal: 0n } });
  });

  it('brings a node what it has lost of an image', async () => {
    await distribute(['node-0']);
    nodes.drop('node-0', digests[0] ?? '');
    const { last } = await distribute(['node-0']);
    expect(Number(last.progress?.bytesDone)).toBeGreaterThan(0);
    expect(digests.every((digest) => nodes.has('node-0', digest))).toBe(true);
  });

  it.each(['node-0', 'node-2', 'node-6'])('tries again when %s fails once, and goes on with the others', async (id) => {
    nodes.broken.set(id, { error: 'disk full', times: 1 });
    const { last } = await distribute();
    expect(last.progress?.nodesDone).toBe(7);
    expect(await story()).toContain('DistributionReplanned');
    expect(seven.every((node) => digests.every((digest) => nodes.has(node, digest)))).toBe(true);
  });

  it('ends with the nodes and their errors when it cannot be helped', async () => {
    nodes.broken.set('node-2', { error: 'disk full', times: 99 });
    await expect(distribute()).rejects.toThrow(/image hello:1 did not reach node-2 \(disk full\)/);
    expect((await story()).at(-1)).toBe('DistributionFailed');
    expect(seven.filter((node) => node !== 'node-2').every((node) => nodes.has(node, digests[0] ?? ''))).toBe(true);
  });

  it('ends when a node is gone', async () => {
    await nodes.remove('node-0');
    await expect(distribute(['node-0', 'node-1'])).rejects.toThrow(/did not reach node-0 \(.*not served/);
  });

  it('is ended in the log when whoever asked for it goes away', async () => {
    const gate = Promise.withResolvers<void>();
    nodes.gate = gate.promise;
    const caller = new AbortController();
    const call = async () => {
      const request = { imageDigest: image.digest, nodeIds: ['node-0'], jobId: 'job-1' };
      for await (const _ of client.distribute(request, { signal: caller.signal })) caller.abort();
    };
    await expect(call()).rejects.toThrow();
    await vi.waitFor(async () => expect(await story()).toEqual(['DistributionPlanned', 'DistributionFailed']), { timeout: 20_000 });
    gate.resolve();
  });

  it('that a dead image manager left behind is ended by the next', async () => {
    const plan = { imageDigest: image.digest, jobId: 'job-1', nodes: ['node-0'], alreadyThere: [], bytesPerNode: 40_000 };
    const left = handle(store, distributionDecider, (id: string) => id);
    const metadata = { actor: 'scheduler', tenant: 'physics', correlationId: 'job-1' };
    await left.execute('dist-left', { type: 'PlanDistribution', at: 1, data: plan }, { metadata });
    await service.stop();
    service = await startImageManager(context, { store });
    expect(await story()).toEqual(['DistributionPlanned', 'DistributionFailed']);
    const { last } = await distribute(['node-0'], 'job-2');
    expect(last.done).toBe(true);
  });

  it('of an image that does not exist is refused', async () => {
    const call = async () => {
      for await (const _ of client.distribute({ imageDigest: 'sha256:0', nodeIds: ['node-0'] }));
    };
    await expect(call()).rejects.toThrow(/no image "sha256:0"/);
  });
});
