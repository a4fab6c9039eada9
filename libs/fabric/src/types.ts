import type { AdapterCounters, AdapterWorkerInit, DomainShare, FirmwareModules } from '@verbena/hca';

export interface SubnetOptions {
  /** Loaded by `loadFirmware()` when absent. */
  readonly firmware?: FirmwareModules;
  /** Links to other processes. Without it the subnet lies in this one. */
  readonly fabric?: FabricOptions;
}

export interface FabricOptions {
  /** Where to listen, "host:port"; port 0 takes any. */
  readonly listen: string;
  /** What others dial, when that is not what this process listens on. */
  readonly advertise?: string;
  /** The cluster's: whoever knows it is one of its processes. At least 16 bytes. */
  readonly secret: string;
  readonly onEvent?: (event: FabricEvent) => void;
  /** The link worker's file, for builds that bundle it. */
  readonly workerUrl?: URL;
  readonly execArgv?: readonly string[];
}

export type FabricEvent =
  | { readonly kind: 'link'; readonly endpoint: string; readonly up: boolean; readonly reason: string }
  /** Somebody who is none of the cluster's processes. */
  | { readonly kind: 'refused'; readonly from: string; readonly reason: string };

/** A port of the subnet and where its process listens, "host:port"; empty for one of this process. */
export interface PeerPort {
  readonly lid: number;
  readonly endpoint: string;
}

export interface PortOptions {
  readonly nodeName: string;
  /** Locally administered and different for every port of the subnet when absent. */
  readonly guid?: bigint;
  /** The next free one when absent; 0 leaves the port down until `assignLid`. */
  readonly lid?: number;
  /** Bytes a millisecond that leave the port at most; as fast as it goes when absent. Only a port with a rate has something to share by weights. */
  readonly rate?: number;
}

export interface DomainOptions {
  readonly vmId: string;
  /** The guest's physical memory; must be shared. */
  readonly memory: WebAssembly.Memory;
}

/** One domain at the adapter of its node: a virtual function with its own UAR, TPT and limits. */
export interface DomainAttachment {
  readonly slot: number;
  /** Of the adapter. */
  readonly firmware: FirmwareModules;
  /** What a vCPU's thread passes to `openAdapter`; each call makes a new thread context. List `init.port` for transfer. */
  workerInit(): AdapterWorkerInit;
  /** The number of the port's virtual function that it is, if it is one. */
  readonly virtualFunction: number | undefined;
  /**
   * Takes one of the port's virtual functions (SR-IOV), with their limits, until it is detached. Call it before `workerInit`.
   * @throws Error when all of them are taken
   */
  becomeVirtualFunction(): number;
  /** Datagrams to QP 1 of the port, the general services interface, go to this queue pair of the domain from now on; it ends with the domain. */
  serveGeneral(qpn: number): void;
  /** Enters a partition (1 to 0xffff; the 16th bit, of full membership, is taken for granted), in the place of another: members may connect to each other, and learn each other's memory. Call it before the program starts. */
  join(pkey: number): void;
  leave(): void;
  /** Between two programs, when no thread of the domain runs: destroys every QP, CQ, MR and PD; peers' QPs go to error. */
  reset(): void;
  /** After a thread of this domain died at any instruction: releases what it held and sends the QPs concerned to error. */
  recover(): void;
  /** Whether the adapter carries out a doorbell of this domain at this moment. */
  busy(): boolean;
  /** `recover`, `reset`, `leave`, and the slot is free. Idempotent. */
  detach(): void;
  counters(): AdapterCounters;
  /** Its P_Key table, as in the standard. */
  pkeys(): readonly number[];
  /** Puts it into a partition beside its job's, or takes it out. @throws Error as FabricPort.setMembership */
  setMembership(pkey: number, membership: Membership): void;
  /** What it gets of the port. @throws RangeError for what cannot be */
  setShare(share: DomainShare): void;
  /** Objects that the domain has made at the adapter and not destroyed. */
  resources(): number;
}

/** Port counters by their InfiniBand names (vol. 1, section 16.1.3.5). Data counters are in units of 4 bytes, as specified. */
export interface PortCounters {
  readonly PortXmitData: bigint;
  readonly PortRcvData: bigint;
  readonly PortXmitPkts: bigint;
  readonly PortRcvPkts: bigint;
  readonly PortRcvErrors: bigint;
  readonly PortXmitWait: bigint;
  /** Messages of unreliable service that could not leave. */
  readonly PortXmitDiscards: bigint;
}

export type Membership = 'full' | 'limited' | 'none';

/** How a LID is reached. */
export interface Route {
  readonly lid: number;
  readonly endpoint: string;
  readonly up: boolean;
}

/** What a VM has at a port now. */
export interface DomainView {
  readonly vmId: string;
  /** Its number, on the path of SR-IOV. */
  readonly virtualFunction: number | undefined;
  readonly share: Required<DomainShare>;
  /** Its P_Key table, as in the standard: 0 where there is none. Empty when it does not use the adapter. */
  readonly pkeys: readonly number[];
  /** Of the domain alone, since it was attached. */
  readonly counters: PortCounters;
}

export interface FabricPort {
  readonly nodeName: string;
  /** 0 while the port is down: no domain can be attached then. */
  readonly lid: number;
  readonly guid: bigint;
  /** Where other processes reach this port; empty when the subnet lies in one process. */
  readonly endpoint: string;
  /** Brings the port up. @throws Error when another port has the LID, or when this port is up with another */
  assignLid(lid: number): void;
  /** Which LIDs are reached where. Connections are made when a queue pair needs one. @throws Error for an endpoint that cannot be */
  learnPeers(peers: readonly PeerPort[]): void;
  attachDomain(options: DomainOptions): DomainAttachment;
  /** Of all domains, those that are gone too. */
  counters(): PortCounters;
  /**
   * Takes the adapter from a VM while its program runs, or gives it one again, an empty one (hot detach and attach of a virtual function). The guest is told by
   * an asynchronous event and finds no device meanwhile. Idempotent.
   * @throws Error when the VM does not use the adapter, or all virtual functions are taken by now
   */
  plug(vmId: string, plugged: boolean): void;
  /** Whether an operator lets it carry anything. A port that is not enabled is down: reliable connections of it use up their retries, the rest is lost. */
  readonly enabled: boolean;
  setEnabled(enabled: boolean): void;
  /** LIDs of other processes. Those of this one need no route. */
  routes(): readonly Route[];
  /**
   * Puts a VM into a partition beside its job's (1 to 0x7fff), or takes it out; two limited members of one do not talk. It lasts as long as the attachment.
   * @throws Error when the VM does not use the adapter, its table is full, or the partition is its job's
   */
  setMembership(vmId: string, pkey: number, membership: Membership): void;
  /** The domains that are attached now, by VM. */
  domains(): readonly DomainView[];
  /**
   * What a VM gets of the port (R37), now and when it is attached again, until this is called without a share: then it gets what others get.
   * @throws RangeError for what cannot be
   */
  setShare(vmId: string, share: Required<DomainShare> | undefined): void;
}

/** All adapters of one process, and the wires between them. */
export interface Subnet {
  addPort(options: PortOptions): FabricPort;
  ports(): readonly FabricPort[];
  /** Drives the adapter's timers (receiver-not-ready retries). Call it every 10 ms or so, with a monotonic time in milliseconds. */
  tick(nowMs: number): void;
  /** For tests and reports: locks of the data path that are held now. */
  heldLocks(): number;
  close(): void;
}
