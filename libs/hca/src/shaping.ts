/** Limits of rate: a queue pair whose domain or port has one takes the long way, where an arbiter decides whose turn it is (firmware/arbiter.h). */
import type { AdapterMemory, DomainRow, PortRow, QpRow } from './adapter-memory.ts';
import { VBF_DOMAINS, VBF_SLOW_SHAPED } from './layout.ts';

/** What a domain gets of its port. */
export interface DomainShare {
  /** Its weight in the round over the domains of a port that has a rate, 1 to 255. */
  readonly weight?: number;
  /** Bytes a millisecond, at most; 0: no limit of its own. */
  readonly rate?: number;
}

/** VBF_SLOW_SHAPED, or 0. */
export function shapingOf(domain: DomainRow, port: PortRow): number {
  return domain.get('rate') !== 0 || port.get('rate') !== 0 ? VBF_SLOW_SHAPED : 0;
}

/** The weight of the virtual lane that the port gives to a service level. */
export function laneWeight(port: PortRow, sl: number): number {
  return port.get('lane_weight')[port.get('lane_of')[sl & 15] ?? 0] ?? 1;
}

/** Throws a RangeError for what cannot be. */
export function checkShare({ weight, rate }: DomainShare): void {
  if (weight !== undefined && (!Number.isInteger(weight) || weight < 1 || weight > 255))
    throw new RangeError(`a weight is 1 to 255, not ${weight}`);
  if (rate !== undefined && (!Number.isInteger(rate) || rate < 0 || rate > 2 ** 26))
    throw new RangeError(`a rate is 0 to 2^26 bytes a millisecond, not ${rate}`);
}

/** Sets what a domain gets. Throws a RangeError for what cannot be. */
export function setShare(memory: AdapterMemory, slot: number, share: DomainShare): void {
  checkShare(share);
  const { weight, rate } = share;
  const domain = memory.domain(slot);
  if (weight !== undefined) domain.set({ weight });
  if (rate !== undefined) domain.set({ rate, credit: 0 });
  shapeAll(memory);
}

function shape(memory: AdapterMemory, qp: QpRow): void {
  const domain = memory.domain(qp.get('slot'));
  const port = memory.port(domain.get('port') - 1);
  qp.set({ weight: laneWeight(port, qp.get('sl')) });
  qp.publish('slow', (qp.load('slow') & ~VBF_SLOW_SHAPED) | shapingOf(domain, port));
}

/** Puts every queue pair on the way that its limits ask for. */
export function shapeAll(memory: AdapterMemory): void {
  let shaped = 0;
  for (let slot = 0; slot < VBF_DOMAINS; slot++) {
    const domain = memory.domain(slot);
    if (domain.get('epoch') % 2 === 1 && shapingOf(domain, memory.port(domain.get('port') - 1)) !== 0) shaped = 1;
  }
  memory.header.publish('shaped', shaped);
  const high = memory.header.get('qp_high');
  for (let i = 1; i < high; i++) if (memory.qp(i).get('qpn') !== 0) shape(memory, memory.qp(i));
}
