/** What the firmware counts, summed: of a queue pair, a domain, a port. */
import type { DomainRow, PortRow, QpRow, AdapterMemory } from './adapter-memory.ts';
import { VBF_DOMAINS } from './layout.ts';

const KEYS = [
  'tx_messages',
  'tx_bytes',
  'rx_messages',
  'rx_bytes',
  'rx_errors',
  'tx_waits',
  'tx_packets',
  'rx_packets',
  'tx_drops',
  'rx_drops',
  'out_of_sequence',
  'packet_seq_err',
  'duplicate_request',
  'rnr_nak_retry_err',
] as const;

/** Messages and payload bytes; packets are those beyond the first of each message; drops are of unreliable service; the last four are of packets out of their order. */
export type Counts = Readonly<Record<(typeof KEYS)[number], bigint>>;

const countsOf = (count: (key: (typeof KEYS)[number]) => bigint): Counts =>
  Object.fromEntries(KEYS.map((key) => [key, count(key)])) as Counts;

/** The counts that a row holds itself. */
export function countsIn(row: QpRow | DomainRow | PortRow): Counts {
  return countsOf((key) => (row as QpRow).get(key));
}

export function addCounts(a: Counts, b: Counts): Counts {
  return countsOf((key) => a[key] + b[key]);
}

/** Moves what `from` counted to `to`: its own row is about to go. */
export function keepCounts(from: QpRow | DomainRow, to: DomainRow | PortRow): void {
  (to as DomainRow).set(addCounts(countsIn(to), countsIn(from)));
  (from as DomainRow).set(countsOf(() => 0n));
}

/** Of a domain, with its queue pairs, those that are there and those that are gone. */
export function countsOfDomain(memory: AdapterMemory, slot: number): Counts {
  const domain = memory.domain(slot);
  let sum = countsIn(domain);
  const high = memory.header.get('qp_high');
  for (let i = 1; domain.get('qps') !== 0 && i < high; i++) {
    const qp = memory.qp(i);
    if (qp.get('qpn') !== 0 && qp.get('slot') === slot) sum = addCounts(sum, countsIn(qp));
  }
  return sum;
}

/** Of a port (counted from 0), with the domains that use it and those that are gone. */
export function countsOfPort(memory: AdapterMemory, port: number): Counts {
  let sum = countsIn(memory.port(port));
  for (let slot = 0; slot < VBF_DOMAINS; slot++) {
    const domain = memory.domain(slot);
    if (domain.get('epoch') % 2 === 1 && domain.get('port') === port + 1) sum = addCounts(sum, countsOfDomain(memory, slot));
  }
  return sum;
}
