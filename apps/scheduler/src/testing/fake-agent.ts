/** A node-agent without a hypervisor: it keeps a table of VMs, writes their streams as the real one does, and its ranks end when told to. */
import { Code, ConnectError } from '@connectrpc/connect';
import { jobv1, nodev1 } from '@verbena/contracts';
import type { VmEvent } from '@verbena/domain-vm';
import type { EventStore } from '@verbena/event-sourcing';
import type { Bus, Served } from '@verbena/messaging';
import { serveSome } from './serve-some.ts';

interface FakeVm {
  readonly id: string;
  version: number;
  jobId: string;
  busy: boolean;
}

export interface RunningRank {
  readonly jobId: string;
  readonly rank: number;
  readonly vmId: string;
}

type BootFacts = Pick<nodev1.BootVmRequest, 'vmId' | 'imageDigest' | 'memoryBytes' | 'vcpus' | 'tenant' | 'jobId'>;

export interface ExitOptions {
  readonly cause?: jobv1.EndCause;
  readonly exitCode?: number;
  readonly detail?: string;
}

export class FakeAgent {
  readonly id: string;
  readonly cores: number;
  /** What was asked of it, in order. */
  readonly calls: string[] = [];
  readonly vms = new Map<string, FakeVm>();
  portEnabled = true;
  readonly running = new Map<string, RunningRank>();
  /** Every start of a job's ranks here, as job/attempt. */
  readonly started = new Set<string>();
  bootError: string | undefined;
  startError: string | undefined;
  /** So many requests to destroy a VM do not reach it. */
  unheardDestroys = 0;
  /** At the next StartRanks its process has been killed and started anew: it knows no VM. */
  reborn = false;
  /** While set, BootVm waits for it. */
  bootGate: Promise<void> | undefined;
  /** Ranks that end by themselves as soon as they are started. */
  autoExit = false;
  /** While set, StopRanks never answers. */
  deaf = false;
  epoch = 0n;
  lastStart: nodev1.StartRanksRequest | undefined;
  /** What its ranks have brought to rendezvous, for a scheduler that asks again. */
  meetings: { generation: number; cards: Record<number, Uint8Array> }[] = [];
  readonly #bus: Bus;
  readonly #store: EventStore;
  readonly #memoryBytes: number;
  readonly #boots = new Map<string, Promise<{ seconds: number }>>();
  #served: Served | undefined;

  constructor(bus: Bus, store: EventStore, id: string, cores: number, memoryBytes = 2 ** 33) {
    this.#bus = bus;
    this.#store = store;
    this.id = id;
    this.cores = cores;
    this.#memoryBytes = memoryBytes;
  }

  async start(): Promise<void> {
    this.#served = await serveSome(
      this.#bus,
      nodev1.NodeAgentService,
      {
        bootVm: (request) => this.#boot(request),
        startRanks: (request) => this.#start(request),
        stopRanks: (request) => this.#stop(request),
        destroyVm: async ({ vmId }) => {
          this.calls.push(`destroy ${vmId}`);
          if (this.unheardDestroys-- > 0) throw new ConnectError(`${this.id} is not served at the moment`, Code.Unavailable);
          await this.#destroy(vmId, 'asked for');
          return {};
        },
        shareAdapter: async ({ vmId, share }) => {
          const vm = this.vms.get(vmId);
          if (vm === undefined) throw new ConnectError(`${this.id} has no VM ${vmId}`, Code.NotFound);
          await this.#write(vm, {
            type: 'VmShareSet',
            data: { weight: share?.weight ?? 0, bytesPerSecond: Number(share?.bytesPerSecond), by: 'ada' },
          });
          return {};
        },
        setVmPartition: async ({ vmId, member }) => {
          const vm = this.vms.get(vmId);
          if (vm === undefined) throw new ConnectError(`${this.id} has no VM ${vmId}`, Code.NotFound);
          const membership = (['none', 'limited', 'full'] as const)[member?.membership ?? 0];
          await this.#write(vm, { type: 'VmPartitionSet', data: { partition: member?.partition ?? 0, membership, by: 'ada' } });
          return {};
        },
        readPort: () => ({ port: { lid: 1, enabled: this.portEnabled } }),
        setPortEnabled: ({ enabled }) => {
          this.portEnabled = enabled;
          return {};
        },
        plugVmFunction: async ({ vmId, attached }) => {
          const vm = this.vms.get(vmId);
          if (vm === undefined) throw new ConnectError(`${this.id} has no VM ${vmId}`, Code.NotFound);
          await this.#write(vm, { type: attached ? 'VmFunctionAttached' : 'VmFunctionDetached', data: { by: 'ada' } });
          return {};
        },
        listLocalVms: () => ({ vms: [...this.vms.values()].map(({ id, jobId }) => ({ vmId: id, jobId })) }),
      },
      this.id,
    );
    await this.register();
  }

  async register(): Promise<void> {
    const node = { id: this.id, name: `host ${this.id}`, cores: this.cores, memoryBytes: BigInt(this.#memoryBytes), hypervisor: 'fake' };
    this.epoch = (await this.#bus.client(nodev1.NodeService).registerNode({ node })).epoch;
  }

  async heartbeat(): Promise<void> {
    await this.#bus.client(nodev1.NodeService).heartbeat({ nodeId: this.id, epoch: this.epoch });
  }

  /** The process is gone: nothing is written, nobody is told. */
  async die(): Promise<void> {
    this.vms.clear();
    this.running.clear();
    await this.#served?.stop();
  }

  ranksOf(jobId: string): readonly RunningRank[] {
    return [...this.running.values()].filter((rank) => rank.jobId === jobId);
  }

  /** Ends a rank's program: its VM becomes idle (or crashes), then the scheduler is told. */
  async exit(jobId: string, rank: number, options: ExitOptions = {}): Promise<void> {
    const found = this.running.get(`${jobId}/${rank}`);
    if (found === undefined) return;
    this.running.delete(`${jobId}/${rank}`);
    const vm = this.vms.get(found.vmId);
    const cause = options.cause ?? jobv1.EndCause.EXITED;
    if (vm !== undefined) {
      vm.busy = false;
      if (cause === jobv1.EndCause.TRAPPED) {
        this.vms.delete(vm.id);
        await this.#write(vm, { type: 'VmCrashed', data: { detail: options.detail ?? '' } });
      } else await this.#write(vm, { type: 'VmIdle', data: { jobId } });
    }
    const exited = { cause, exitCode: options.exitCode ?? 0, detail: options.detail ?? '', bytesSent: 64n };
    await this.#persistently(() => this.report(jobId, { rank, vmId: found.vmId, what: { case: 'exited', value: exited } }));
  }

  /** A scheduler that has died does not answer, or is not there: told again until one takes it. */
  async #persistently(tell: () => Promise<void>): Promise<void> {
    for (let tries = 0; tries < 500; tries++) {
      try {
        return await tell();
      } catch (error) {
        const { code } = ConnectError.from(error);
        if (code !== Code.Unavailable && code !== Code.DeadlineExceeded) throw error;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  async block(jobId: string, rank: number, waitsFor: string, activity = 1n, blocked = true): Promise<void> {
    const vmId = this.running.get(`${jobId}/${rank}`)?.vmId ?? '';
    await this.report(jobId, { rank, vmId, what: { case: 'blocked', value: { blocked, activity, waitsFor } } });
  }

  async report(jobId: string, ...reports: Parameters<ReturnType<typeof this.jobs>['reportRank']>[0]['reports'] & object): Promise<void> {
    await this.jobs().reportRank({ jobId, nodeId: this.id, reports });
  }

  jobs() {
    return this.#bus.client(jobv1.JobService);
  }

  async #boot({ vmId, imageDigest, memoryBytes, vcpus, tenant, jobId }: nodev1.BootVmRequest) {
    this.calls.push(`boot ${vmId}`);
    // As the real one: asked again, it gives the first one's result.
    const known = this.#boots.get(vmId);
    if (known !== undefined && this.vms.has(vmId)) return known;
    const booting = this.#bootOnce({ vmId, imageDigest, memoryBytes, vcpus, tenant, jobId });
    this.#boots.set(vmId, booting);
    return booting;
  }

  async #bootOnce({ vmId, imageDigest, memoryBytes, vcpus, tenant, jobId }: BootFacts) {
    if (this.bootError !== undefined) throw new ConnectError(this.bootError, Code.Internal);
    if (this.vms.size >= this.cores) throw new ConnectError(`${this.id} has no core for ${vmId}`, Code.ResourceExhausted);
    const vm: FakeVm = { id: vmId, version: 0, jobId, busy: false };
    this.vms.set(vmId, vm);
    const created = { nodeId: this.id, imageDigest, memoryBytes: Number(memoryBytes), vcpus, tenant, jobId };
    await this.#write(vm, { type: 'VmCreated', data: created });
    await this.bootGate;
    await this.#write(vm, { type: 'VmBooted', data: { seconds: 0.01 } });
    return { seconds: 0.01 };
  }

  async #start(request: nodev1.StartRanksRequest) {
    const { jobId, ranks, attempt } = request;
    this.calls.push(`start ${ranks.map(({ rank }) => rank).join(' ')}`);
    this.lastStart = request;
    if (this.reborn) {
      this.reborn = false;
      this.vms.clear();
      await this.register();
      throw new ConnectError(`${this.id} has no VM ${ranks[0]?.vmId ?? ''}`, Code.NotFound);
    }
    if (this.started.has(`${jobId}/${attempt}`)) return { meetings: this.meetings };
    if (this.startError !== undefined) throw new ConnectError(this.startError, Code.Internal);
    for (const { rank, vmId } of ranks) {
      const vm = this.vms.get(vmId);
      if (vm === undefined || vm.busy) throw new ConnectError(`VM ${vmId} is not idle on ${this.id}`, Code.FailedPrecondition);
      vm.busy = true;
      vm.jobId = jobId;
      await this.#write(vm, { type: 'VmStarted', data: { jobId, rank } });
      this.running.set(`${jobId}/${rank}`, { jobId, rank, vmId });
    }
    this.started.add(`${jobId}/${attempt}`);
    if (this.autoExit) for (const { rank } of ranks) void this.exit(jobId, rank);
    return {};
  }

  async #stop({ jobId, destroyVms }: nodev1.StopRanksRequest) {
    this.calls.push(`stop ${destroyVms ? 'and destroy' : ''}`.trim());
    if (this.deaf) await new Promise(() => undefined);
    for (const { rank } of this.ranksOf(jobId)) void this.exit(jobId, rank, { cause: jobv1.EndCause.CANCELLED, exitCode: 137 });
    if (destroyVms) for (const vm of [...this.vms.values()]) if (vm.jobId === jobId) await this.#destroy(vm.id, 'stopped');
    return {};
  }

  async #destroy(id: string, reason: string): Promise<void> {
    const vm = this.vms.get(id);
    if (vm === undefined) return;
    this.vms.delete(id);
    await this.#write(vm, { type: 'VmShutDown', data: { reason } });
  }

  async #write(vm: FakeVm, event: VmEvent): Promise<void> {
    const metadata = { actor: this.id, tenant: 'default', correlationId: vm.jobId, epoch: Number(this.epoch) };
    const expectedVersion = vm.version++;
    const result = await this.#store.append([{ stream: vm.id, expectedVersion, events: [event] }], { metadata });
    if (!result.ok) throw new Error(`${this.id} could not write ${event.type} of ${vm.id}: ${result.reason}`);
  }
}
