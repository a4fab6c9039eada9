/** Scheduler and storage as a node-agent sees them, in memory on the in-process bus; every call is kept for the story to look at. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { trace } from '@opentelemetry/api';
import { create, type DescService } from '@bufbuild/protobuf';
import { eventv1, jobv1, nodev1, storagev1 } from '@verbena/contracts';
import { buildImage, sha256 } from '@verbena/guest-image';
import type { Hypervisor } from '@verbena/hypervisor';
import { createInProcessBus, type Bus } from '@verbena/messaging';
import { createMetrics, systemClock, type RunningService } from '@verbena/service-kit';
import { pino } from 'pino';
import { startNodeAgent } from '../agent.ts';
import { UnconnectedPort, type NodePort } from '../node-port.ts';
import { FakeHypervisor } from './fake-hypervisor.ts';

export interface FakeEvent {
  readonly stream: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly correlationId: string;
  readonly epoch: bigint;
}

export interface FakeImage {
  readonly digest: string;
  readonly manifest: Uint8Array;
  readonly chunks: { digest: string; size: number }[];
}

export interface FakeClusterOptions {
  readonly cores?: number;
  readonly memoryBytes?: number;
  readonly cacheQuotaBytes?: number;
  /** A real hypervisor for the node of this index; a fake one without. */
  readonly hypervisor?: (index: number) => Hypervisor;
  /** One without an adapter when absent. */
  readonly port?: (index: number) => NodePort;
}

export class FakeCluster {
  readonly bus: Bus = createInProcessBus();
  readonly events: FakeEvent[] = [];
  readonly reports: { jobId: string; nodeId: string; report: jobv1.RankReport }[] = [];
  readonly chunks = new Map<string, Uint8Array>();
  readonly chunksFetched: string[] = [];
  readonly output = new Map<string, Uint8Array[]>();
  readonly files: storagev1.OutputFile[] = [];
  readonly registrations: nodev1.Node[] = [];
  readonly heartbeats: nodev1.HeartbeatRequest[] = [];
  /** Called before a service answers; what it throws is the answer. */
  fault: (method: string) => void = () => undefined;
  readonly hypervisors: FakeHypervisor[] = [];
  readonly agents: RunningService[] = [];
  readonly #meetings = new Map<
    string,
    { cards: Record<number, Uint8Array>; size: number; all: PromiseWithResolvers<Record<number, Uint8Array>> }
  >();
  jobSize = 1;
  #root = '';
  #epoch = 0n;

  /** Starts agents node-0, node-1, ... and waits until the scheduler knows them. */
  async start(count: number, options: FakeClusterOptions = {}): Promise<void> {
    this.#root = await mkdtemp(join(tmpdir(), 'verbena-agents-'));
    await this.#serve();
    for (let index = 0; index < count; index++) {
      const hypervisor = options.hypervisor?.(index) ?? new FakeHypervisor();
      if (hypervisor instanceof FakeHypervisor) this.hypervisors.push(hypervisor);
      this.agents.push(
        await startNodeAgent(
          {
            bus: this.bus,
            log: pino({ level: 'silent' }),
            tracer: trace.getTracer('test'),
            metrics: createMetrics(),
            clock: systemClock,
            random: (bytes) => new Uint8Array(bytes),
            dataDir: join(this.#root, `node-${String(index)}`),
          },
          {
            nodeId: `node-${String(index)}`,
            name: `host-${String(index)}`,
            cores: options.cores ?? 4,
            memoryBytes: options.memoryBytes ?? 1 << 30,
            hypervisor,
            port: options.port?.(index) ?? new UnconnectedPort(BigInt(index + 1)),
            cacheQuotaBytes: options.cacheQuotaBytes ?? 1 << 30,
          },
        ),
      );
    }
    while (this.registrations.length < count) await systemClock.sleep(1);
  }

  async stop(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.stop()));
    await this.bus.close();
    await rm(this.#root, { recursive: true, force: true });
  }

  agent(index: number): ReturnType<typeof this.bus.client<typeof nodev1.NodeAgentService>> {
    return this.bus.client(nodev1.NodeAgentService, `node-${String(index)}`);
  }

  hypervisor(index: number): FakeHypervisor {
    const found = this.hypervisors[index];
    if (found === undefined) throw new Error(`there is no node-${String(index)}`);
    return found;
  }

  /** Puts an image of the given content into storage. */
  image(content: Uint8Array, chunkBytes = 1024): FakeImage {
    const chunks: { digest: string; size: number }[] = [];
    for (let at = 0; at < content.length; at += chunkBytes) {
      const data = content.slice(at, at + chunkBytes);
      this.chunks.set(sha256(data), data);
      chunks.push({ digest: sha256(data), size: data.length });
    }
    const { digest, manifestBytes } = buildImage({
      wasm: content,
      libraries: { mpi: '3.1' },
      memory: { minimumBytes: 1 << 16, defaultBytes: 1 << 20 },
      asyncify: null,
    });
    return { digest, manifest: manifestBytes, chunks };
  }

  /** Image on one node, then VMs vm-<node>-<n> booted on it. */
  async boot(index: number, image: FakeImage, count: number): Promise<string[]> {
    const tree = create(nodev1.SubtreeSchema, { nodeId: `node-${String(index)}`, round: 0 });
    const { receipts } = await this.agent(index).prepareImage({
      ...request(image),
      tree,
      distributionId: 'dist-1',
      fetchFromStorage: true,
    });
    if (receipts[0]?.error !== '') throw new Error(receipts[0]?.error);
    const ids = Array.from({ length: count }, (_, n) => `vm-${String(index)}-${String(n)}`);
    for (const vmId of ids)
      await this.agent(index).bootVm({
        vmId,
        imageDigest: image.digest,
        memoryBytes: 1n << 20n,
        vcpus: 1,
        tenant: 'default',
        jobId: 'job-1',
      });
    return ids;
  }

  exits(jobId = 'job-1'): Map<number, jobv1.RankExit> {
    const found = new Map<number, jobv1.RankExit>();
    for (const { jobId: id, report } of this.reports)
      if (id === jobId && report.what.case === 'exited') found.set(report.rank, report.what.value);
    return found;
  }

  async exited(count: number): Promise<Map<number, jobv1.RankExit>> {
    while (this.exits().size < count) await systemClock.sleep(1);
    return this.exits();
  }

  text(rank: number, stream: 'stdout' | 'stderr' = 'stdout'): string {
    return Buffer.concat(this.output.get(`${String(rank)}/${stream}`) ?? []).toString();
  }

  /** Serves only the methods that a node-agent calls. */
  async #partly<S extends DescService>(service: S, implementation: Partial<ServiceImpl<S>>): Promise<void> {
    await this.bus.serve(service, implementation as ServiceImpl<S>);
  }

  async #serve(): Promise<void> {
    await this.#partly(nodev1.NodeService, {
      registerNode: ({ node }) => {
        this.fault('registerNode');
        if (node !== undefined) this.registrations.push(node);
        return { lid: this.registrations.length, epoch: ++this.#epoch, heartbeatInterval: { seconds: 0n, nanos: 5_000_000 } };
      },
      heartbeat: (beat) => {
        this.fault('heartbeat');
        this.heartbeats.push(beat);
        return {};
      },
    });
    await this.#partly(jobv1.JobService, {
      reportRank: ({ jobId, nodeId, reports }) => {
        this.fault('reportRank');
        for (const report of reports) this.reports.push({ jobId, nodeId, report });
        return {};
      },
      rendezvous: async ({ jobId, generation, cards }) => {
        const key = `${jobId}/${String(generation)}`;
        const meeting = this.#meetings.get(key) ?? { cards: {}, size: this.jobSize, all: Promise.withResolvers() };
        this.#meetings.set(key, meeting);
        Object.assign(meeting.cards, cards);
        if (Object.keys(meeting.cards).length === meeting.size) meeting.all.resolve(meeting.cards);
        return { cards: await meeting.all.promise };
      },
    });
    await this.#partly(storagev1.ChunkService, {
      getChunk: ({ digest }) => {
        this.fault('getChunk');
        this.chunksFetched.push(digest);
        const data = this.chunks.get(digest);
        if (data === undefined) throw new ConnectError(`no chunk ${digest}`, Code.NotFound);
        return { data };
      },
      putChunk: ({ digest, data }) => {
        this.chunks.set(digest, data);
        return {};
      },
    });
    await this.#partly(storagev1.OutputService, {
      appendOutput: ({ pieces }) => {
        this.fault('appendOutput');
        for (const { rank, stream, offset, data } of pieces) {
          const key = `${String(rank)}/${stream === storagev1.OutputStream.STDOUT ? 'stdout' : 'stderr'}`;
          const known = this.output.get(key) ?? [];
          const end = known.reduce((sum, { length }) => sum + length, 0);
          if (Number(offset) !== end)
            throw new ConnectError(`output of ${key} continues at ${String(offset)}, it ends at ${String(end)}`, Code.OutOfRange);
          known.push(data);
          this.output.set(key, known);
        }
        return {};
      },
      putFile: ({ file }) => {
        if (file !== undefined) this.files.push(file);
        return {};
      },
    });
    await this.#partly(eventv1.EventService, {
      appendEvents: ({ stream, expectedVersion, events, correlationId, epoch }) => {
        this.fault('appendEvents');
        const version = this.events.filter((event) => event.stream === stream).length;
        if (version !== expectedVersion) throw new ConnectError(`${stream} has version ${String(version)}`, Code.Aborted);
        for (const { type, data } of events)
          this.events.push({
            stream,
            type,
            data: JSON.parse(new TextDecoder().decode(data)) as Record<string, unknown>,
            correlationId,
            epoch,
          });
        return { version: version + events.length, position: BigInt(this.events.length) };
      },
    });
  }
}

export function request(image: FakeImage): { imageDigest: string; manifest: Uint8Array; chunks: FakeImage['chunks'] } {
  return { imageDigest: image.digest, manifest: image.manifest, chunks: image.chunks };
}

/** A binomial tree over nodes first..first+count-1 as the image-manager plans it: in round r every holder serves one more node. */
export function binomialTree(count: number): nodev1.Subtree {
  const nodes = Array.from({ length: count }, (_, index) => create(nodev1.SubtreeSchema, { nodeId: `node-${String(index)}`, round: 0 }));
  for (let round = 1, holders = 1; holders < count; round++, holders *= 2) {
    for (let parent = 0; parent < holders && parent + holders < count; parent++) {
      const child = nodes[parent + holders];
      if (child === undefined) continue;
      child.round = round;
      nodes[parent]?.children.push(child);
    }
  }
  return nodes[0] ?? create(nodev1.SubtreeSchema);
}
