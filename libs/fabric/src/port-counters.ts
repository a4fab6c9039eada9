/** What domains have counted, summed, and under the names of InfiniBand (vol. 1, section 16.1.3.5). */
import type { AdapterCounters, DomainErrors } from '@verbena/hca';
import type { PortCounters } from './types.ts';

export type Counted = AdapterCounters & DomainErrors;

export function sumOf(list: readonly Counted[]): Counted {
  const total = (key: keyof Counted): number => list.reduce((sum, each) => sum + each[key], 0);
  return {
    doorbells: total('doorbells'),
    messagesSent: total('messagesSent'),
    bytesSent: total('bytesSent'),
    messagesReceived: total('messagesReceived'),
    bytesReceived: total('bytesReceived'),
    rxErrors: total('rxErrors'),
    txWaits: total('txWaits'),
    packetsSent: total('packetsSent'),
    packetsReceived: total('packetsReceived'),
    txDrops: total('txDrops'),
    rxDrops: total('rxDrops'),
  };
}

const words = (bytes: number): bigint => BigInt(Math.ceil(bytes / 4));

export function portCounters(list: readonly Counted[]): PortCounters {
  const all = sumOf(list);
  return {
    PortXmitData: words(all.bytesSent),
    PortRcvData: words(all.bytesReceived),
    PortXmitPkts: BigInt(all.packetsSent),
    PortRcvPkts: BigInt(all.packetsReceived),
    PortRcvErrors: BigInt(all.rxErrors),
    PortXmitWait: BigInt(all.txWaits),
    PortXmitDiscards: BigInt(all.txDrops),
  };
}
