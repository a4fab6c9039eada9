/** The queue pairs that there are, as the host sees them: those of a domain, those connected to them, and what they hold. */
import { VB_QPS_ERR } from '@verbena/guest-abi';
import { RETIRED, type AdapterMemory, type QpRow } from './adapter-memory.ts';

export function queuePairsOf(memory: AdapterMemory, slot: number): QpRow[] {
  const all = Array.from({ length: memory.header.get('qp_high') }, (_, i) => memory.qp(i));
  return all.filter((qp) => qp.get('qpn') !== 0 && qp.get('qpn') !== RETIRED && qp.get('slot') === slot);
}

/** The other end within this memory, when both are connected to each other and it is not in error yet. */
export function peerOf(memory: AdapterMemory, qp: QpRow): QpRow | undefined {
  const peer = memory.qp(qp.get('dest_qpn'));
  const connected = qp.get('dest_qpn') !== 0 && peer.get('qpn') === qp.get('dest_qpn') && peer.get('dest_qpn') === qp.get('qpn');
  return connected && peer.load('state') !== VB_QPS_ERR ? peer : undefined;
}

/** Locks of the data path that are held now. */
export function heldLocks(memory: AdapterMemory): number {
  let held = 0;
  for (let i = 1; i < memory.header.get('qp_high'); i++) {
    const qp = memory.qp(i);
    held += (qp.load('sq_lock') === 0 ? 0 : 1) + (qp.load('rq_lock') === 0 ? 0 : 1);
  }
  for (let i = 1; i < memory.header.get('srq_high'); i++) if (memory.srq(i).load('lock') !== 0) held++;
  return held;
}
