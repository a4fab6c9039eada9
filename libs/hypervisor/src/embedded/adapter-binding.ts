/**
 * What the driver needs of an InfiniBand adapter, on the main thread (a port of the fabric) and on the thread of a vCPU. A hypervisor
 * without a port gives its guests the null adapter: doorbells count as VMM operations and every set-up command is refused.
 */
import type { Adapter, AdapterCounters, AdapterWorkerInit } from '@verbena/hca';
import type { DomainAttachment, FabricPort } from '@verbena/fabric';
import { VB_ENODEV } from '@verbena/guest-abi';

export type PortBinding = Pick<FabricPort, 'lid' | 'guid' | 'attachDomain'>;
/** The adapter as the guest's path shows it. */
export interface PathAdapter extends Adapter {
  /**
   * Returns when the adapter knows every doorbell that was rung before. Absent where a doorbell is at the adapter as soon as it is rung. What a guest tells others
   * past the adapter must not overtake what it posted: a datagram that comes before its receive buffer is lost.
   */
  settle?(): void;
  /** The program has ended: what it owes others goes out. */
  close?(): void;
}
export type { Adapter, AdapterCounters, AdapterWorkerInit, DomainAttachment };

export const noTraffic: AdapterCounters = { doorbells: 0, messagesSent: 0, bytesSent: 0, messagesReceived: 0, bytesReceived: 0 };

/** @param counted called for each doorbell, since this one does enter the VMM */
export function openNullAdapter(counted: () => void): Adapter {
  return { uarWrite: counted, command: () => ({ status: VB_ENODEV, output: new Uint8Array() }) };
}
