/**
 * Packet sequence numbers (InfiniBand vol. 1, section 9.7.2). Over a link each packet carries one. Within this memory a message is carried whole, and the numbers
 * that its packets would have had follow from what the queue pair counts: messages, and the packets of a message beyond its first.
 */
import { VB_QPS_RTR, VB_QPS_RTS, VB_QPS_SQE } from '@verbena/guest-abi';
import type { AdapterMemory, QpRow } from './adapter-memory.ts';
import { VBF_SLOW_PSN } from './layout.ts';

const PSN = 0xff_ffff;

const sent = (qp: QpRow): number => Number(BigInt.asUintN(32, qp.get('tx_messages') + qp.get('tx_packets')));
const received = (qp: QpRow): number => Number(BigInt.asUintN(32, qp.get('rx_messages') + qp.get('rx_packets')));

/** What a send queue begins with whose first packet has this number. */
export function firstTx(qp: QpRow, psn: number) {
  return { sq_psn: psn, tx_psn: psn, una_psn: psn, tx_skew: (psn - sent(qp)) >>> 0 };
}

/** What a receive queue begins with that expects this number first. */
export function firstRx(qp: QpRow, psn: number) {
  return { rq_psn: psn, rx_psn: psn, rx_ack_psn: psn, rx_skew: (psn - received(qp)) >>> 0 };
}

/** Of the next packet that it sends. */
export function nextTxPsn(qp: QpRow): number {
  return (qp.get('link') === 0 ? qp.get('tx_skew') + sent(qp) : qp.get('tx_psn')) & PSN;
}

/** Of the next packet that it expects. */
export function nextRxPsn(qp: QpRow): number {
  return (qp.get('link') === 0 ? qp.get('rx_skew') + received(qp) : qp.get('rx_psn')) & PSN;
}

const receives = (qp: QpRow): boolean => qp.load('state') >= VB_QPS_RTR && qp.load('state') <= VB_QPS_SQE;
const sends = (qp: QpRow): boolean => qp.load('state') >= VB_QPS_RTS && qp.load('state') <= VB_QPS_SQE;

/** Holds a queue pair whose first packet the other end of this memory does not expect: it will hear nothing. */
function hold(from: QpRow, to: QpRow): void {
  const deaf = sends(from) && receives(to) && from.get('sq_psn') !== to.get('rq_psn');
  from.publish('slow', (from.load('slow') & ~VBF_SLOW_PSN) | (deaf ? VBF_SLOW_PSN : 0));
}

/** The queue pair goes to RTR or RTS: looks whether both ends began with the same numbers. Over a link the packets tell. */
export function checkSequence(memory: AdapterMemory, qp: QpRow): void {
  const peer = memory.qp(qp.get('dest_qpn'));
  const connected = qp.get('dest_qpn') !== 0 && peer.get('qpn') === qp.get('dest_qpn') && peer.get('dest_qpn') === qp.get('qpn');
  if (qp.get('link') !== 0 || !connected) return;
  hold(qp, peer);
  hold(peer, qp);
}
