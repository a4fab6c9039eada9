/**
 * What VMs get of the node's adapter (R37), and whether they have one: written down, and told to the adapter. It lasts as long as the program, wherever that goes; the next
 * one in the VM gets what all get.
 */
import type { AdapterShare, PartitionMember } from '@verbena/domain-vm';
import type { Logger } from 'pino';
import { messageOf, Refusal } from '../errors.ts';
import type { NodePort } from '../node-port.ts';
import type { VmLog } from './vm-log.ts';
import type { Vm } from './vm-table.ts';

export type SharingVm = Pick<Vm, 'phase' | 'jobId'> & {
  readonly request: Pick<Vm['request'], 'vmId'>;
  readonly log: Pick<VmLog, 'record' | 'known'>;
};

export interface SharesOptions {
  readonly nodeId: string;
  readonly port: Pick<NodePort, 'setShare' | 'plug' | 'setMembership'>;
  readonly log: Pick<Logger, 'warn'>;
}

export class Shares {
  readonly #options: SharesOptions;

  constructor(options: SharesOptions) {
    this.#options = options;
  }

  /** @throws Refusal when the VM runs nothing, or there is no adapter */
  async set(vm: SharingVm, share: AdapterShare, by: string): Promise<void> {
    const { nodeId, port } = this.#options;
    if (vm.phase !== 'busy') throw new Refusal('vm-busy', `VM ${vm.request.vmId} is ${vm.phase}: its share is set while a program runs`);
    if (port.setShare === undefined) throw new Refusal('no-adapter', `node ${nodeId} has no adapter that could be shared`);
    await vm.log.record(vm.jobId, { type: 'SetShare', data: { ...share, by } });
    this.#apply(vm, share);
  }

  /**
   * Takes the VM's virtual function away, or gives it one again. What the adapter refuses is not written down.
   * @throws Refusal when the VM runs nothing, does not use the adapter, or no function is free
   */
  async plug(vm: SharingVm, attached: boolean, by: string): Promise<void> {
    const { nodeId, port } = this.#options;
    if (vm.phase !== 'busy') throw new Refusal('vm-busy', `VM ${vm.request.vmId} is ${vm.phase}: it is detached while a program runs`);
    if (port.plug === undefined) throw new Refusal('no-adapter', `node ${nodeId} has no adapter`);
    try {
      port.plug(vm.request.vmId, attached);
    } catch (error) {
      throw new Refusal('no-adapter', messageOf(error), { cause: error });
    }
    await vm.log.record(vm.jobId, { type: attached ? 'AttachFunction' : 'DetachFunction', data: { by } });
  }

  /**
   * Written down first, so that a partition that cannot be is none.
   * @throws Refusal when the VM runs nothing, or does not use the adapter
   */
  async setPartition(vm: SharingVm, { partition, membership }: PartitionMember, by: string): Promise<void> {
    const { nodeId, port } = this.#options;
    if (vm.phase !== 'busy')
      throw new Refusal('vm-busy', `VM ${vm.request.vmId} is ${vm.phase}: it enters a partition while a program runs`);
    if (port.setMembership === undefined) throw new Refusal('no-adapter', `node ${nodeId} has no adapter`);
    await vm.log.record(vm.jobId, { type: 'SetPartition', data: { partition, membership, by } });
    try {
      port.setMembership(vm.request.vmId, partition, membership);
    } catch (error) {
      if (membership !== 'none') await vm.log.record(vm.jobId, { type: 'SetPartition', data: { partition, membership: 'none', by } });
      throw new Refusal('no-adapter', messageOf(error), { cause: error });
    }
  }

  /** A VM that has come from another node gets here what it got there, and is without its adapter if it was. */
  async bring(vm: SharingVm): Promise<void> {
    try {
      const state = await vm.log.known();
      if (state.status === 'running' && state.share !== undefined) this.#apply(vm, state.share);
      if (state.status === 'running')
        for (const { partition, membership } of state.partitions ?? [])
          this.#options.port.setMembership?.(vm.request.vmId, partition, membership);
      if (state.status === 'running' && state.detached === true) this.#options.port.plug?.(vm.request.vmId, false);
    } catch (error) {
      this.#options.log.warn({ vm: vm.request.vmId, error: messageOf(error) }, 'what a VM gets of the adapter could not be read');
    }
  }

  /** The program has ended, or is here no more. */
  end(vm: SharingVm): void {
    this.#options.port.setShare?.(vm.request.vmId, undefined);
  }

  #apply(vm: SharingVm, { weight, bytesPerSecond }: AdapterShare): void {
    // It may have ended while somebody wrote or read.
    if (vm.phase === 'busy') this.#options.port.setShare?.(vm.request.vmId, { weight, rate: Math.floor(bytesPerSecond / 1_000) });
  }
}
