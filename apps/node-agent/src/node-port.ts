/** The host's port in the subnet, as far as the node-agent has to do with it. */

import type { DomainView, FabricPort, PortCounters } from '@verbena/fabric';

export interface PeerPort {
  readonly lid: number;
  /** "host:port"; empty for a port of the same process. */
  readonly endpoint: string;
}

export interface NodePort {
  /** 0 until one is assigned. */
  readonly lid: number;
  readonly guid: bigint;
  /** Where node-agents of other processes reach this port, "host:port"; empty when the subnet lies in one process. */
  readonly endpoint: string;
  /** Takes the LID that the scheduler gave. @throws Error when another port of the process has it, or when domains use another already */
  assignLid(lid: number): void;
  /** Who has which LID, so that connections to it can be made when they are needed. */
  learnPeers(peers: readonly PeerPort[]): void;
  /** For memory that travels by RDMA; absent where there is no adapter. */
  attachDomain?: FabricPort['attachDomain'];
  /** Since the port was made; absent where nothing counts. */
  counters?(): PortCounters;
  /** What a VM gets of the port; without a share what all get. Absent where there is no adapter. */
  setShare?: FabricPort['setShare'];
  /** Takes the adapter from a VM, or gives it one again. Absent where there is no adapter. */
  plug?: FabricPort['plug'];
  /** Puts a VM into a partition beside its job's, or takes it out. Absent where there is no adapter. */
  setMembership?: FabricPort['setMembership'];
  /** Whether the port carries anything; absent where there is none. */
  readonly enabled?: boolean;
  setEnabled?: FabricPort['setEnabled'];
  routes?: FabricPort['routes'];
  /** The VMs that have a place at the adapter now. */
  domains?(): readonly DomainView[];
}

/** A port with nothing behind it: for hypervisors whose domains do not communicate. */
export class UnconnectedPort implements NodePort {
  readonly guid: bigint;
  readonly endpoint = '';
  lid = 0;

  constructor(guid: bigint) {
    this.guid = guid;
  }

  assignLid(lid: number): void {
    this.lid = lid;
  }

  learnPeers(): void {
    // There is nobody to talk to.
  }
}
