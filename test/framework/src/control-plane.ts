/**
 * The real services and node-agents in one process, over an event store in memory, with hypervisors of the story's choosing: with fake ones,
 * the control plane can be told as a story in milliseconds, failures included.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { imagev1, jobv1, nodev1, storagev1, vmv1 } from '@verbena/contracts';
import { createMemoryEventStore, type EventDatabase, type RecordedEvent } from '@verbena/event-sourcing';
import { buildImage, chunk, type GuestImage } from '@verbena/guest-image';
import type { Hypervisor } from '@verbena/hypervisor';
import { startImageManager } from '@verbena/image-manager';
import { createInProcessBus } from '@verbena/messaging';
import { startNodeAgent, UnconnectedPort } from '@verbena/node-agent';
import { startScheduler, type SchedulerConfig } from '@verbena/scheduler';
import { systemClock, type RunningService, type ServiceContext } from '@verbena/service-kit';
import { seededRandom, testContext } from '@verbena/service-kit/testing';
import { startStorage } from '@verbena/storage';

export interface ControlPlaneOptions {
  readonly hosts: number;
  readonly cores: number;
  readonly hypervisor: (index: number) => Hypervisor;
  /** What of the scheduler's configuration is not the default. */
  readonly scheduler?: Partial<SchedulerConfig>;
  readonly memoryBytes?: number;
}

const patience = 20_000;

export class ControlPlane {
  readonly bus = createInProcessBus({ drain: { unaryMs: 500, streamMs: 50 } });
  readonly store: EventDatabase = createMemoryEventStore({ now: () => new Date() });
  readonly #options: ControlPlaneOptions;
  readonly #agents = new Map<number, RunningService>();
  #services: RunningService[] = [];
  #scheduler: RunningService | undefined;
  #random = seededRandom(7);
  #dir = '';

  private constructor(options: ControlPlaneOptions) {
    this.#options = options;
  }

  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const plane = new ControlPlane(options);
    plane.#dir = await mkdtemp(join(tmpdir(), 'verbena-plane-'));
    plane.#services = [
      await startStorage(await plane.#context('storage'), { store: plane.store }),
      await startImageManager(await plane.#context('image-manager'), { store: plane.store }),
    ];
    await plane.startScheduler();
    for (let index = 0; index < options.hosts; index++) await plane.startNode(index);
    await plane.until('all nodes are ready', async () => {
      const { nodes } = await plane.bus.client(nodev1.NodeService).listNodes({});
      return nodes.filter(({ state }) => state === nodev1.NodeState.READY).length === options.hosts;
    });
    return plane;
  }

  async startScheduler(): Promise<void> {
    this.#scheduler = await startScheduler(await this.#context('scheduler'), {
      store: this.store,
      settleMs: 200,
      heartbeatMs: 50,
      nodeLostAfterMs: 1_000,
      deadlockConfirmMs: 200,
      ...this.#options.scheduler,
    });
  }

  async stopScheduler(): Promise<void> {
    await this.#scheduler?.stop();
  }

  async startNode(index: number): Promise<void> {
    const { cores, hypervisor, memoryBytes = 8 << 20 } = this.#options;
    const id = `node-${String(index)}`;
    this.#agents.set(
      index,
      await startNodeAgent(await this.#context(id), {
        nodeId: id,
        name: `host-${String(index)}`,
        cores,
        memoryBytes,
        hypervisor: hypervisor(index),
        port: new UnconnectedPort(BigInt(index + 1)),
        cacheQuotaBytes: 64 << 20,
      }),
    );
  }

  async stopNode(index: number): Promise<void> {
    await this.#agents.get(index)?.stop();
    this.#agents.delete(index);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop()));
    await this.#scheduler?.stop();
    await Promise.all(this.#services.map((service) => service.stop()));
    await this.bus.close();
    await this.store.close();
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** Uploads an image and registers it under a name. */
  async image(name: string, image: GuestImage = anyImage()): Promise<imagev1.Image> {
    const chunks = chunk(image.wasm);
    for (const { digest, offset, size } of chunks) {
      const data = image.wasm.subarray(offset, offset + size);
      await this.bus.client(storagev1.ChunkService).putChunk({ digest, data });
    }
    const refs = chunks.map(({ digest, size }) => ({ digest, size }));
    const { image: registered } = await this.bus
      .client(imagev1.ImageService)
      .registerImage({ name, manifest: image.manifestBytes, chunks: refs, public: true });
    if (registered === undefined) throw new Error(`image ${name} was not registered`);
    return registered;
  }

  async submit(spec: MessageInitShape<typeof jobv1.JobSpecSchema>): Promise<string> {
    const { job } = await this.bus.client(jobv1.JobService).submitJob({ spec: { name: 'story', ...spec } as typeof spec });
    if (job === undefined) throw new Error('the submission gave no job');
    return job.id;
  }

  async job(id: string): Promise<jobv1.Job> {
    const { job } = await this.bus.client(jobv1.JobService).getJob({ id });
    if (job === undefined) throw new Error(`there is no job ${id}`);
    return job;
  }

  async cancel(id: string): Promise<void> {
    await this.bus.client(jobv1.JobService).cancelJob({ id, reason: 'the story cancels it' });
  }

  /** The job when it has ended. */
  async ended(id: string): Promise<jobv1.Job> {
    for await (const { job } of this.bus.client(jobv1.JobService).watchJob({ id }, { timeoutMs: patience }))
      if (job !== undefined && job.state >= jobv1.JobState.COMPLETED) return job;
    return this.job(id);
  }

  async run(spec: MessageInitShape<typeof jobv1.JobSpecSchema>): Promise<jobv1.Job> {
    return this.ended(await this.submit(spec));
  }

  async reaches(id: string, state: jobv1.JobState): Promise<void> {
    await this.until(`${id} is ${jobv1.JobState[state]}`, async () => (await this.job(id)).state === state);
  }

  /** What the ranks wrote, by rank, both streams together. */
  async output(jobId: string): Promise<Map<number, string>> {
    const found = new Map<number, string>();
    for await (const { pieces } of this.bus.client(storagev1.OutputService).streamOutput({ jobId, follow: true }, { timeoutMs: patience }))
      for (const { rank, data } of pieces) found.set(rank, (found.get(rank) ?? '') + new TextDecoder().decode(data));
    return found;
  }

  /** What is there of it by now, all ranks and streams together. */
  async outputSoFar(jobId: string): Promise<string> {
    let found = '';
    for await (const { pieces } of this.bus.client(storagev1.OutputService).streamOutput({ jobId }, { timeoutMs: patience }))
      for (const { data } of pieces) found += new TextDecoder().decode(data);
    return found;
  }

  async files(jobId: string): Promise<string[]> {
    const { files } = await this.bus.client(storagev1.OutputService).listFiles({ jobId });
    return files.map(({ rank, path }) => `${String(rank)}/${path}`).sort();
  }

  async vms(): Promise<vmv1.Vm[]> {
    return (await this.bus.client(vmv1.VmService).listVms({})).vms;
  }

  /** Everything that happened on behalf of a job, in order. */
  events(jobId: string): Promise<readonly RecordedEvent[]> {
    return this.store.readAll({ filter: { correlationId: jobId } });
  }

  /** Waits for something that must come true. */
  async until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
    const end = performance.now() + patience;
    while (!(await holds())) {
      if (performance.now() > end) throw new Error(`it did not come true: ${what}`);
      await systemClock.sleep(5);
    }
  }

  async #context(name: string): Promise<ServiceContext> {
    const dataDir = join(this.#dir, name);
    await mkdir(dataDir, { recursive: true });
    // Each calls under its own name, so that the table of who may call what holds here, too.
    const caller = name.startsWith('node-') ? { service: 'node-agent', instance: name } : { service: name };
    return testContext({ bus: this.bus.as({ caller }), dataDir, random: this.#random });
  }
}

/** An image for fake hypervisors, which do not look into it; different seeds give different images. */
export function anyImage(seed = 1, bytes = 300_000): GuestImage {
  const random = seededRandom(seed);
  return buildImage({
    wasm: random(bytes),
    libraries: { mpi: '3.1' },
    memory: { minimumBytes: 1 << 16, defaultBytes: 1 << 20 },
    asyncify: null,
  });
}
