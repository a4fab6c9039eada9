import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { VF_LIMITS } from '@verbena/hca';
import type { AdapterCounters, AdapterWorkerInit, DomainErrors, DomainShare, FirmwareModules, HostAdapter, PeerMemory } from '@verbena/hca';
import type { Member, Partitions } from './partition.ts';
import type { DomainAttachment, Membership } from './types.ts';

const PARTITION = 0x7fff;
const FULL_MEMBER = 0x8000;

/** A domain at its adapter. */
export class Attachment implements DomainAttachment, Member {
  readonly vmId: string;
  readonly peer: PeerMemory;
  readonly ports = new Set<MessagePort>();
  readonly #adapter: HostAdapter;
  readonly #partitions: Partitions;
  readonly #threads = new Set<number>();
  readonly #lid: number;
  readonly #claimFunction: () => number;
  readonly #onDetach: (attachment: Attachment) => void;
  #pkey = 0;
  #virtualFunction: number | undefined;
  #servesGeneral = false;
  #plugged = true;
  /** Partitions beside its job's, and where they stand in its table. */
  readonly #extra = new Map<number, number>();
  #wasFunction = false;
  #last: (AdapterCounters & DomainErrors) | undefined;

  constructor(
    vmId: string,
    adapter: HostAdapter,
    partitions: Partitions,
    peer: PeerMemory,
    lid: number,
    claimFunction: () => number,
    onDetach: (attachment: Attachment) => void,
  ) {
    this.vmId = vmId;
    this.#adapter = adapter;
    this.#partitions = partitions;
    this.peer = peer;
    this.#lid = lid;
    this.#claimFunction = claimFunction;
    this.#onDetach = onDetach;
  }

  get slot(): number {
    return this.peer.slot;
  }

  get firmware(): FirmwareModules {
    return this.#adapter.firmware;
  }

  workerInit(): AdapterWorkerInit {
    this.#mustBeAttached();
    const thread = this.#adapter.addThread(this.peer);
    this.#threads.add(thread);
    const { port1, port2 } = new MessageChannel();
    port1.unref();
    this.ports.add(port1);
    port1.once('close', () => this.ports.delete(port1));
    return {
      firmware: this.#adapter.firmware,
      adapterMemory: this.#adapter.memory.memory,
      slot: this.peer.slot,
      epoch: this.peer.epoch,
      thread,
      guestMemory: this.peer.memory,
      peers: this.#known().map((each) => each.peer),
      ...(this.#virtualFunction === undefined ? {} : { limits: VF_LIMITS }),
      port: port2,
    };
  }

  /** Who is in a partition with it. */
  #known(): Member[] {
    const keys = [...(this.#pkey === 0 ? [] : [this.#pkey]), ...this.#extra.keys()];
    return [...new Set(keys.flatMap((pkey) => this.#partitions.others(pkey, this)))];
  }

  get virtualFunction(): number | undefined {
    return this.#virtualFunction;
  }

  becomeVirtualFunction(): number {
    this.#mustBeAttached();
    return (this.#virtualFunction ??= this.#claimFunction());
  }

  serveGeneral(qpn: number): void {
    this.#mustBeAttached();
    this.#adapter.setGeneralServices(this.#lid, qpn);
    this.#servesGeneral = true;
  }

  join(pkey: number): void {
    this.#mustBeAttached();
    if (!Number.isInteger(pkey) || pkey > 0xffff || (pkey & 0x7fff) === 0)
      throw new RangeError(`a partition key has 15 bits that are not all zero: ${pkey} is none`);
    if (pkey === this.#pkey) return;
    this.leave();
    this.#pkey = pkey;
    this.#adapter.setPartition(this.peer.slot, pkey);
    this.#partitions.enter(pkey, this);
  }

  setMembership(pkey: number, membership: Membership): void {
    this.#mustBeAttached();
    if ((pkey & PARTITION) === (this.#pkey & PARTITION))
      throw new Error('this is the partition of its job, which nobody else enters or leaves');
    const known = this.#extra.get(pkey);
    const table = this.#adapter.pkeys(this.peer.slot);
    const index = known ?? table.findIndex((entry, i) => i > 0 && entry === 0);
    if (membership === 'none' && known === undefined) return;
    if (index < 0) throw new Error(`the P_Key table of ${this.vmId} is full`);
    this.#adapter.setPkey(this.peer.slot, index, membership === 'none' ? 0 : membership === 'full' ? pkey | FULL_MEMBER : pkey);
    if (membership === 'none') {
      this.#extra.delete(pkey);
      this.#partitions.exit(pkey, this);
    } else if (known === undefined) {
      this.#extra.set(pkey, index);
      this.#partitions.enter(pkey, this);
    }
    this.#adapter.announcePkeys(this.peer.slot);
  }

  pkeys(): number[] {
    return this.#last === undefined ? this.#adapter.pkeys(this.peer.slot) : [];
  }

  leave(): void {
    for (const pkey of this.#extra.keys()) this.#partitions.exit(pkey, this);
    this.#extra.clear();
    if (this.#pkey === 0) return;
    this.reset();
    this.#adapter.setPartition(this.peer.slot, 0);
    this.#partitions.exit(this.#pkey, this);
    this.#pkey = 0;
  }

  reset(): void {
    if (this.#last !== undefined) return;
    if (this.#servesGeneral) this.#adapter.setGeneralServices(this.#lid, 0);
    this.#servesGeneral = false;
    this.#adapter.resetDomain(this.peer.slot);
  }

  recover(): void {
    if (this.#last !== undefined) return;
    this.#adapter.recoverThreads(this.peer, this.#threads);
    this.#threads.clear();
    for (const port of this.ports) port.close();
    this.ports.clear();
  }

  detach(): void {
    if (this.#last !== undefined) return;
    this.recover();
    this.leave();
    this.reset();
    this.#last = this.#adapter.counters(this.peer.slot, []);
    this.#adapter.removeDomain(this.peer);
    this.#onDetach(this);
  }

  busy(): boolean {
    return this.#last === undefined && this.#adapter.busy(this.#threads);
  }

  counters(): AdapterCounters & DomainErrors {
    return this.#last ?? this.#adapter.counters(this.peer.slot, this.#threads);
  }

  share(): Required<DomainShare> {
    return this.#adapter.share(this.peer.slot);
  }

  /** Whether the domain reaches this adapter at all: on some paths it has a place and does not use it. */
  get used(): boolean {
    return this.#threads.size > 0;
  }

  get plugged(): boolean {
    return this.#plugged;
  }

  unplug(): void {
    this.#mustBeAttached();
    if (!this.#plugged) return;
    this.#plugged = false;
    this.#adapter.unplug(this.peer.slot);
    this.#wasFunction = this.#virtualFunction !== undefined;
    this.#virtualFunction = undefined;
  }

  plug(): void {
    this.#mustBeAttached();
    if (this.#plugged) return;
    if (this.#wasFunction) this.#virtualFunction = this.#claimFunction();
    this.#plugged = true;
    this.#adapter.plug(this.peer.slot);
  }

  setShare(share: DomainShare): void {
    if (this.#last === undefined) this.#adapter.setShare(this.peer.slot, share);
  }

  resources(): number {
    return this.#last === undefined ? this.#adapter.resources(this.peer.slot) : 0;
  }

  #mustBeAttached(): void {
    if (this.#last !== undefined) throw new Error('this domain is detached from its adapter: attach it again');
  }
}
