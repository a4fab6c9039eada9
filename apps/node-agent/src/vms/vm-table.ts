/**
 * The VMs of this node. It boots them within the node's cores and memory, writes their streams, and is the only one that creates or destroys
 * a domain. A VM is in the table from the moment its capacity is taken until its domain is gone.
 *
 *   booting --> idle --claim--> busy --release--> idle
 *      |          |               |
 *      +----------+---- gone <----+  (boot failed, destroyed, crashed, moved away)
 *
 *   incoming --arrived--> busy;  one that does not arrive is gone without a word in the log, which has it on another node.
 */
import type { AdapterShare, PartitionMember, VmCommand } from '@verbena/domain-vm';
import type { Domain, Hypervisor } from '@verbena/hypervisor';
import { vmId } from '@verbena/ids';
import { inSpan, metric, type Clock, type Metrics } from '@verbena/service-kit';
import type { Tracer } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { messageOf, Refusal } from '../errors.ts';
import type { ImageCache } from '../images/image-cache.ts';
import type { NodePort } from '../node-port.ts';
import { Shares } from './shares.ts';
import { VmLog, type VmLogOptions } from './vm-log.ts';

export interface BootRequest {
  readonly vmId: string;
  readonly imageDigest: string;
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly tenant: string;
  readonly jobId: string;
}

/** `incoming`: its domain is there for a program that is on its way from another node. */
export type VmPhase = 'booting' | 'idle' | 'busy' | 'gone' | 'incoming';

export interface Vm {
  readonly request: BootRequest;
  readonly log: VmLog;
  phase: VmPhase;
  domain: Domain | undefined;
  /** The job that has it, or had it last. */
  jobId: string;
  readonly booted: Promise<number>;
  readonly unpin: () => void;
  ended?: Promise<void>;
}

export interface VmTableOptions {
  readonly nodeId: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly hypervisor: Hypervisor;
  readonly images: ImageCache;
  /** Where VMs share an adapter. */
  readonly port: NodePort;
  readonly clock: Clock;
  readonly log: Logger;
  readonly vmLog: VmLogOptions;
  readonly tracer: Tracer;
  readonly metrics: Metrics;
}

export class VmTable {
  readonly #options: VmTableOptions;
  readonly #vms = new Map<string, Vm>();
  readonly #shares: Shares;
  #closed = false;

  constructor(options: VmTableOptions) {
    this.#options = options;
    this.#shares = new Shares(options);
  }

  list(): readonly Vm[] {
    return [...this.#vms.values()];
  }

  memoryUsed(): number {
    return this.list().reduce((sum, { request }) => sum + request.memoryBytes, 0);
  }

  /**
   * Boots a VM; a repeated call gives the first one's result.
   * @returns the seconds that it took
   * @throws Refusal when there is no room, the image is not cached, or the boot failed; nothing is left behind then
   */
  boot(request: BootRequest): Promise<number> {
    vmId(request.vmId);
    const known = this.#vms.get(request.vmId);
    if (known !== undefined) return known.booted;
    if (this.#closed) throw new Refusal('stopping', `node ${this.#options.nodeId} is stopping`);
    this.#checkRoom(request);
    const booted = Promise.withResolvers<number>();
    const vm: Vm = {
      request,
      log: new VmLog(request.vmId, request.tenant, this.#options.vmLog),
      phase: 'booting',
      domain: undefined,
      jobId: request.jobId,
      booted: booted.promise,
      unpin: this.#options.images.pin(request.imageDigest),
    };
    this.#vms.set(request.vmId, vm);
    const attributes = {
      'verbena.vm.id': request.vmId,
      'verbena.node.id': this.#options.nodeId,
      'verbena.image.digest': request.imageDigest,
      'verbena.job.id': request.jobId,
    };
    booted.resolve(inSpan(this.#options.tracer, 'boot VM', attributes, () => this.#boot(vm)));
    return vm.booted;
  }

  /**
   * Takes room for a VM that comes from another node, and boots a domain for it. Nothing is written: the log has it elsewhere.
   * @throws Refusal
   */
  async receive(request: BootRequest): Promise<Vm> {
    vmId(request.vmId);
    const known = this.#vms.get(request.vmId);
    if (known?.phase === 'incoming') return known;
    if (known !== undefined) throw new Refusal('vm-busy', `VM ${request.vmId} is on ${this.#options.nodeId} already, ${known.phase}`);
    if (this.#closed) throw new Refusal('stopping', `node ${this.#options.nodeId} is stopping`);
    this.#checkRoom(request);
    const vm: Vm = {
      request,
      log: new VmLog(request.vmId, request.tenant, this.#options.vmLog),
      phase: 'incoming',
      domain: undefined,
      jobId: request.jobId,
      booted: Promise.resolve(0),
      unpin: this.#options.images.pin(request.imageDigest),
    };
    this.#vms.set(request.vmId, vm);
    try {
      const domain = await this.#createDomain(request, await this.#options.images.module(request.imageDigest));
      vm.domain = domain;
      stillWanted(vm);
      await domain.boot();
      stillWanted(vm);
      this.#watch(vm, domain);
      return vm;
    } catch (error) {
      await this.forget(vm, messageOf(error));
      throw error;
    }
  }

  /** It has arrived, and is this node's as soon as the log says so; from then on it is written under this epoch. */
  arrived(vm: Vm, jobId: string, fence: bigint): void {
    vm.phase = 'busy';
    vm.jobId = jobId;
    vm.log.continueUnder(fence);
    void this.#shares.bring(vm);
  }

  /**
   * What a VM gets of the adapter while its program runs: written down first, then so.
   * @throws Refusal when it is not there, runs nothing, or there is no adapter
   */
  async share(id: string, share: AdapterShare, by: string): Promise<void> {
    const vm = this.#vms.get(id);
    if (vm === undefined) throw new Refusal('unknown-vm', `node ${this.#options.nodeId} has no VM ${id}`);
    await this.#shares.set(vm, share, by);
  }

  /**
   * Takes its virtual function from a VM while its program runs, or gives it one again.
   * @throws Refusal when it is not there, runs nothing, does not use the adapter, or no function is free
   */
  async plug(id: string, attached: boolean, by: string): Promise<void> {
    const vm = this.#vms.get(id);
    if (vm === undefined) throw new Refusal('unknown-vm', `node ${this.#options.nodeId} has no VM ${id}`);
    await this.#shares.plug(vm, attached, by);
  }

  /**
   * Puts a VM into a partition beside its job's while its program runs, or takes it out.
   * @throws Refusal when it is not there, runs nothing, or does not use the adapter
   */
  async setPartition(id: string, member: PartitionMember, by: string): Promise<void> {
    const vm = this.#vms.get(id);
    if (vm === undefined) throw new Refusal('unknown-vm', `node ${this.#options.nodeId} has no VM ${id}`);
    await this.#shares.setPartition(vm, member, by);
  }

  /** Frees what there is of a VM that another node has, and writes nothing. */
  forget(vm: Vm, reason: string): Promise<void> {
    vm.phase = 'gone';
    this.#shares.end(vm);
    vm.ended ??= (async () => {
      await this.#destroyDomain(vm, reason);
      vm.unpin();
      this.#vms.delete(vm.request.vmId);
    })();
    return vm.ended;
  }

  get(id: string): Vm | undefined {
    return this.#vms.get(id);
  }

  #checkRoom(request: BootRequest): void {
    const { cores, memoryBytes, nodeId } = this.#options;
    const used = this.list().reduce((sum, vm) => sum + vm.request.vcpus, 0);
    if (request.vcpus < 1 || request.memoryBytes < 1 << 16)
      throw new Refusal('invalid', `VM ${request.vmId}: it needs at least one virtual CPU and 64 KiB of memory`);
    if (used + request.vcpus > cores)
      throw new Refusal(
        'no-capacity',
        `node ${nodeId} has ${String(cores)} cores, ${String(used)} of them taken: no room for VM ${request.vmId} with ${String(request.vcpus)}`,
      );
    if (this.memoryUsed() + request.memoryBytes > memoryBytes)
      throw new Refusal(
        'no-capacity',
        `node ${nodeId} has ${String(memoryBytes)} bytes of memory, ${String(this.memoryUsed())} taken: no room for VM ${request.vmId} with ${String(request.memoryBytes)}`,
      );
  }

  async #boot(vm: Vm): Promise<number> {
    const { clock, nodeId } = this.#options;
    const { request } = vm;
    const start = clock.monotonic();
    try {
      const wasm = await this.#options.images.module(request.imageDigest);
      const { vmId: _, ...created } = request;
      await vm.log.record(request.jobId, { type: 'CreateVm', data: { nodeId, ...created } });
      const domain = await this.#createDomain(request, wasm);
      vm.domain = domain;
      this.#watch(vm, domain);
      stillWanted(vm);
      await domain.boot();
      stillWanted(vm);
      const seconds = (clock.monotonic() - start) / 1000;
      await vm.log.record(request.jobId, { type: 'RecordBoot', data: { seconds } });
      stillWanted(vm);
      vm.phase = 'idle';
      this.#booted('booted', seconds);
      return seconds;
    } catch (error) {
      const why = `the boot failed: ${messageOf(error)}`;
      this.#booted('failed', (clock.monotonic() - start) / 1000);
      await this.#end(vm, why);
      // It may have been ended before its domain was there.
      await this.#destroyDomain(vm, why);
      if (error instanceof Refusal) throw error;
      throw new Refusal('boot-failed', `VM ${request.vmId} did not boot on ${nodeId}: ${messageOf(error)}`, { cause: error });
    }
  }

  #createDomain(request: BootRequest, wasm: Uint8Array): Promise<Domain> {
    return this.#options.hypervisor.createDomain({
      id: vmId(request.vmId),
      name: request.vmId,
      image: { digest: request.imageDigest, wasm },
      memoryBytes: request.memoryBytes,
      vcpus: request.vcpus,
    });
  }

  /** A domain that crashes while it runs a program is the job's to tell; one that is idle would wait for a program that it cannot run. */
  #watch(vm: Vm, domain: Domain): void {
    domain.onState((state, detail) => {
      if (state === 'crashed' && vm.phase === 'idle') void this.#end(vm, detail, { type: 'CrashVm', data: { detail } });
    });
  }

  #booted(outcome: 'booted' | 'failed', seconds: number): void {
    this.#options.metrics.record(metric.vmBootSeconds, { node: this.#options.nodeId, outcome }, seconds);
  }

  /** Takes an idle VM for a job. @throws Refusal when it is not there or not idle */
  claim(id: string, jobId: string): Vm & { domain: Domain } {
    const vm = this.#vms.get(id);
    if (vm === undefined || vm.domain === undefined) throw new Refusal('unknown-vm', `node ${this.#options.nodeId} has no VM ${id}`);
    if (vm.phase !== 'idle') throw new Refusal('vm-busy', `VM ${id} is ${vm.phase === 'busy' ? `running job ${vm.jobId}` : vm.phase}`);
    vm.phase = 'busy';
    vm.jobId = jobId;
    return vm as Vm & { domain: Domain };
  }

  /** Gives a claimed VM back: idle when its domain still is, otherwise crashed and gone. */
  async release(vm: Vm, crash: string): Promise<void> {
    if (vm.phase === 'gone') return;
    this.#shares.end(vm);
    if (vm.domain?.state === 'idle') {
      vm.phase = 'idle';
      await this.#tell(vm, { type: 'ReleaseVm', data: { jobId: vm.jobId } });
      return;
    }
    await this.#end(vm, crash, { type: 'CrashVm', data: { detail: crash } });
  }

  /** Destroys a VM; one that is not there is already destroyed. */
  async destroy(id: string, reason: string): Promise<void> {
    const vm = this.#vms.get(id);
    // What has not arrived is another node's in the log.
    if (vm?.phase === 'incoming') await this.forget(vm, reason);
    else if (vm !== undefined) await this.#end(vm, reason);
  }

  /** Ends a VM once; it holds its core until the domain is gone. */
  #end(vm: Vm, reason: string, command: VmCommand = { type: 'ShutDownVm', data: { reason } }): Promise<void> {
    vm.phase = 'gone';
    this.#shares.end(vm);
    vm.ended ??= this.#endOnce(vm, reason, command);
    return vm.ended;
  }

  async #endOnce(vm: Vm, reason: string, command: VmCommand): Promise<void> {
    await this.#destroyDomain(vm, reason);
    vm.unpin();
    this.#vms.delete(vm.request.vmId);
    await this.#tell(vm, command);
  }

  async #destroyDomain(vm: Vm, reason: string): Promise<void> {
    try {
      await vm.domain?.destroy(reason);
    } catch (error) {
      this.#options.log.error({ vm: vm.request.vmId, error: messageOf(error) }, 'a domain could not be destroyed');
    }
  }

  /** Destroys all VMs; new ones may be booted afterwards. */
  async clear(reason: string): Promise<void> {
    await Promise.allSettled([...this.#vms.keys()].map((id) => this.destroy(id, reason)));
  }

  /** Destroys all VMs; nothing can be booted any more. */
  async close(reason: string): Promise<void> {
    this.#closed = true;
    await this.clear(reason);
  }

  /** An end that cannot be written must not keep the domain alive: the log shows it, and the next registration of the node makes it known. */
  async #tell(vm: Vm, command: VmCommand): Promise<void> {
    try {
      await vm.log.record(vm.jobId, command);
    } catch (error) {
      this.#options.log.warn(
        { vm: vm.request.vmId, command: command.type, error: messageOf(error) },
        'what became of a VM could not be written down',
      );
    }
  }
}

function stillWanted(vm: Vm): void {
  if (vm.phase === 'gone') throw new Refusal('boot-failed', `VM ${vm.request.vmId} was destroyed while it booted`);
}
