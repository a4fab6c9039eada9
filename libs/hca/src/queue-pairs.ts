/** Queue pairs (InfiniBand vol. 1, sections 10.2.4 and 10.3): control path. */
import {
  VB_ATTR_DEST,
  VB_ATTR_SQD_EVENT,
  VB_ATTR_STATE,
  VB_EBUSY,
  VB_EINVAL,
  VB_ENOSPC,
  VB_EPERM,
  VB_QPS_ERR,
  VB_QPS_RESET,
  VB_QPS_RTR,
  VB_QPS_RTS,
  VB_QPS_SQD,
  VB_QPT_RC,
  VB_QPT_UC,
  VB_QPT_UD,
  VB_QP_SCATTER_TO_CQE,
  cmdHandle,
  createQpIn,
  createQpOut,
  modifyQpIn,
  queryQpOut,
} from '@verbena/guest-abi';
import type { StructValue } from '@verbena/binary';
import { RETIRED, type QpRow } from './adapter-memory.ts';
import { Refusal, freeEntry, requireRing, type CommandContext } from './command-context.ts';
import { requireCq } from './completion-queues.ts';
import { keepCounts } from './counters.ts';
import { holdOf } from './management.ts';
import { requirePd } from './memory-regions.ts';
import { VBF_CQS, VBF_QPS, VBF_SLOW_LINK, VBF_SLOW_TYPE, VBF_SRQS, type qp as qpLayout } from './layout.ts';
import { wantLink } from './links.ts';
import { RQ_STRIDES, SQ_STRIDES } from './limits.ts';
import { isAttached } from './multicast.ts';
import { pkeysMatch } from './partition-keys.ts';
import { checkSequence, firstRx, firstTx } from './packet-sequence.ts';
import { attributesOf, checkAttributes, setAttributes, type Wish } from './qp-attributes.ts';
import { transitionFor } from './qp-states.ts';
import { laneWeight, shapingOf } from './shaping.ts';
import { requireSrq } from './shared-receive-queues.ts';

const GENERATIONS = 2 ** 10;
const TYPES = [VB_QPT_RC, VB_QPT_UC, VB_QPT_UD];
const MTU_4096 = 12;
/** Another thread works on a connection for as long as its copy takes; it may have been preempted in the middle. */
const QUIESCE_MS = 1000;

/** The domain's own queue pair of this number, or a refusal. */
export function requireQp(context: CommandContext, qpn: number): QpRow {
  const row = context.memory.qp(qpn);
  if (qpn === 0 || qpn === RETIRED || row.get('qpn') !== qpn || row.get('slot') !== context.slot) {
    throw new Refusal(VB_EINVAL, `${qpn} is no queue pair of this domain`);
  }
  return row;
}

type ReceiveQueue = Pick<StructValue<typeof qpLayout.fields>, 'rq_addr' | 'rq_mask' | 'rq_stride' | 'srq'>;

/** Its own ring, or a shared queue of the same protection domain. */
function receiveQueueOf(context: CommandContext, wish: StructValue<typeof createQpIn.fields>): ReceiveQueue {
  if (wish.srq === 0) {
    requireRing(context, wish.rq_addr, wish.rq_entries, wish.rq_stride, RQ_STRIDES);
    return { rq_addr: Number(wish.rq_addr), rq_mask: wish.rq_entries - 1, rq_stride: wish.rq_stride, srq: 0 };
  }
  const srq = requireSrq(context, wish.srq);
  if (srq.get('pd') !== wish.pd) throw new Refusal(VB_EINVAL, 'the shared receive queue is of another protection domain');
  // A mask of all ones: no doorbell makes the firmware look for a request in a ring that is not there.
  return { rq_addr: 0, rq_mask: 0xffff_ffff, rq_stride: srq.get('stride'), srq: wish.srq % VBF_SRQS };
}

/** Why its doorbells take the long way (VBF_SLOW_*); 0: a reliable connection within this memory that nobody limits. */
export function slowOf({ memory }: Pick<CommandContext, 'memory'>, qp: QpRow): number {
  const domain = memory.domain(qp.get('slot'));
  const link = qp.get('link') === 0 ? 0 : VBF_SLOW_LINK;
  const hold = holdOf(memory, qp.get('lid'), qp.get('dest_lid'));
  return link | hold | (qp.get('type') === VB_QPT_RC ? 0 : VBF_SLOW_TYPE) | shapingOf(domain, memory.port(domain.get('port') - 1));
}

export function createQp(context: CommandContext, input: Uint8Array): Uint8Array {
  const { memory, domain, slot, epoch } = context;
  const wish = createQpIn.decode(input);
  const pd = requirePd(context, wish.pd);
  const sendCq = requireCq(context, wish.send_cq);
  const recvCq = requireCq(context, wish.recv_cq);
  if ((wish.flags & ~VB_QP_SCATTER_TO_CQE) !== 0) throw new Refusal(VB_EINVAL, 'unknown flags');
  requireRing(context, wish.sq_addr, wish.sq_entries, wish.sq_stride, SQ_STRIDES);
  const type = wish.type === 0 ? VB_QPT_RC : wish.type;
  if (!TYPES.includes(type)) throw new Refusal(VB_EINVAL, `${type} is no type of queue pair`);
  const receive = receiveQueueOf(context, wish);
  if (domain.get('qps') >= context.limits.qps) throw new Refusal(VB_ENOSPC, 'no more queue pairs');
  const index = freeEntry(memory, 'qp');
  const row = memory.qp(index);
  const generation = (row.get('generation') + 1) % GENERATIONS;
  const qpn = generation * VBF_QPS + index;
  row.clear({
    ...{ slot, epoch, generation, lid: domain.get('lid'), pkey: domain.get('pkey'), pd: wish.pd, flags: wish.flags },
    ...{ send_cq: wish.send_cq % VBF_CQS, recv_cq: wish.recv_cq % VBF_CQS, state: VB_QPS_RESET },
    ...{ sq_addr: Number(wish.sq_addr), sq_mask: wish.sq_entries - 1, sq_stride: wish.sq_stride },
    ...{ atomic_psn: 0xffff_ffff, type, path_mtu: MTU_4096, weight: 1, ...receive },
  });
  row.set({ slow: slowOf(context, row) });
  row.publish('qpn', qpn);
  domain.add('qps', 1);
  pd.add('users', 1);
  sendCq.add('users', 1);
  recvCq.add('users', 1);
  if (receive.srq !== 0) memory.srq(receive.srq).add('users', 1);
  return createQpOut.encode({ qpn });
}

/**
 * Where the other end is. In this process it must exist, in the same partition; whether it is in another one or not there at all is not told.
 * What lies behind a link is found out by the first request.
 */
function destinationOf(context: CommandContext, qp: QpRow, wish: Wish): Destination {
  const link = context.memory.route(wish.dest_lid);
  if (link !== 0 && wish.dest_lid <= 0xffff && wish.dest_qpn !== 0) {
    if (qp.get('pkey') === 0) throw new Refusal(VB_EPERM, 'this domain is in no partition');
    const progress_at = context.memory.header.get('now_ms');
    return { dest_lid: wish.dest_lid, dest_qpn: 0, link, remote_qpn: wish.dest_qpn, progress_at };
  }
  checkDestination(context, qp, wish);
  return { dest_lid: wish.dest_lid, dest_qpn: wish.dest_qpn, link: 0, remote_qpn: 0, progress_at: 0 };
}

type Destination = Pick<StructValue<typeof qpLayout.fields>, 'dest_lid' | 'dest_qpn' | 'link' | 'remote_qpn' | 'progress_at'>;

function checkDestination(context: CommandContext, qp: QpRow, wish: Wish): void {
  const peer = context.memory.qp(wish.dest_qpn);
  if (qp.get('pkey') === 0) throw new Refusal(VB_EPERM, 'this domain is in no partition');
  const there =
    wish.dest_qpn !== 0 && peer.get('type') === qp.get('type') && peer.load('qpn') === wish.dest_qpn && peer.get('lid') === wish.dest_lid;
  if (!there || !pkeysMatch(peer.get('pkey'), qp.get('pkey')) || !reaches(context, peer)) {
    throw new Refusal(VB_EINVAL, `there is no queue pair ${wish.dest_qpn} at LID ${wish.dest_lid} in this partition`);
  }
}

/** Both its memory and those of its completion queues, which may be a driver domain's. */
function reaches(context: CommandContext, peer: QpRow): boolean {
  const queues = [peer.get('send_cq'), peer.get('recv_cq')].map((number) => context.memory.cq(number));
  return context.reach(peer.get('slot'), peer.get('epoch')) && queues.every((cq) => context.reach(cq.get('slot'), cq.get('epoch')));
}

/** Everything posted is gone, without completions. */
function resetQp(context: CommandContext, qp: QpRow): void {
  qp.publish('state', VB_QPS_RESET);
  context.firmware.core.qp_quiesce(qp.get('qpn'), QUIESCE_MS);
  if (qp.get('link') !== 0) context.firmware.core.qp_gone(qp.get('qpn'));
  qp.set({
    dest_lid: 0,
    dest_qpn: 0,
    flush: 0,
    sq_head: 0,
    sq_tail: 0,
    waiting: 0,
    rq_tail: 0,
    rnr: 0,
    rq_head: 0,
    rq_seen: 0,
    next_valid: 0,
    ...{ link: 0, remote_qpn: 0, sq_next: 0, sq_high: 0, tx_offset: 0, rx_msn: 0, rx_offset: 0, rx_refused: 0, owe: 0, nak: 0 },
    ...{ rx_skipping: 0, asked: 0, retries: 0, seen_psn: 0 },
    ...firstTx(qp, 0),
    ...firstRx(qp, 0),
    ...{ read_offset: 0, out_length: 0, out_offset: 0, atomic_psn: 0xffff_ffff, events: 0, sqd_event: 0 },
  });
  qp.set({ slow: slowOf(context, qp) });
}

/** In RESET nothing is posted that would have to be flushed. */
function failQp(context: CommandContext, qp: QpRow, from: number): void {
  if (from === VB_QPS_RESET) qp.publish('state', VB_QPS_ERR);
  else context.firmware.core.qp_error(qp.get('qpn'));
}

export function modifyQp(context: CommandContext, input: Uint8Array): Uint8Array {
  const wish = modifyQpIn.decode(input);
  const qp = requireQp(context, wish.qpn);
  checkAttributes(context, wish);
  const from = qp.load('state');
  const to = (wish.attr_mask & VB_ATTR_STATE) !== 0 ? wish.state : from;
  const attributes = wish.attr_mask & ~VB_ATTR_STATE;
  if (transitionFor(from, to, attributes, qp.get('type')) === undefined) {
    throw new Refusal(VB_EINVAL, `a queue pair cannot go from state ${from} to ${to} with attributes ${attributes}`);
  }
  const destination = (attributes & VB_ATTR_DEST) === 0 ? undefined : destinationOf(context, qp, wish);
  if (to === VB_QPS_RESET) resetQp(context, qp);
  else if (to === VB_QPS_ERR) failQp(context, qp, from);
  else {
    setAttributes(context, qp, wish);
    qp.set({ weight: laneWeight(context.memory.port(context.domain.get('port') - 1), qp.get('sl')) });
    if (destination !== undefined) {
      qp.set(destination);
      qp.set({ slow: slowOf(context, qp) });
      if (destination.link !== 0) wantLink(context.memory, context.domain, destination.link - 1);
    }
    if (to !== from) {
      if (to === VB_QPS_SQD) qp.set({ sqd_event: (attributes & VB_ATTR_SQD_EVENT) === 0 ? 0 : 1 });
      advance(context, qp, from, to);
    }
  }
  return new Uint8Array();
}

function advance(context: CommandContext, qp: QpRow, from: number, to: number): void {
  // The other end may have sent the queue pair to the error state since `state` was read.
  const moved = Atomics.compareExchange(context.memory.words, qp.wordOf('state'), from, to) >>> 0 === from;
  if (!moved) throw new Refusal(VB_EINVAL, 'the queue pair went to the error state');
  if (to === VB_QPS_SQD) context.firmware.core.qp_drain(qp.get('qpn'));
  if (to === VB_QPS_RTR || to === VB_QPS_RTS) checkSequence(context.memory, qp);
  if (to === VB_QPS_RTR || to === VB_QPS_RTS) context.firmware.core.qp_opened(qp.get('qpn'));
}

export function queryQp(context: CommandContext, input: Uint8Array): Uint8Array {
  const qp = requireQp(context, cmdHandle.decode(input).handle);
  return queryQpOut.encode({
    state: qp.load('state'),
    dest_lid: qp.get('dest_lid'),
    dest_qpn: qp.get('link') === 0 ? qp.get('dest_qpn') : qp.get('remote_qpn'),
    sq_head: qp.load('sq_head'),
    rq_head: qp.load('rq_head'),
  });
}

export function queryQpAttr(context: CommandContext, input: Uint8Array): Uint8Array {
  return attributesOf(requireQp(context, cmdHandle.decode(input).handle));
}

/**
 * Takes a queue pair out of the table and keeps its counters with the domain. A thread that was stopped in the middle of a delivery may hold
 * on to it for longer than we wait; then its entry, and the completion queues that it uses, are never given to anybody else.
 */
export function dropQp(context: Pick<CommandContext, 'memory' | 'firmware' | 'domain'>, qp: QpRow): void {
  const { memory, domain } = context;
  qp.publish('state', VB_QPS_RESET);
  const quiet = context.firmware.core.qp_quiesce(qp.get('qpn'), QUIESCE_MS) !== 0;
  // Who waits for a receive request here would wait for ever.
  if (qp.get('link') !== 0 && qp.get('rx_refused') !== 0) context.firmware.core.qp_gone(qp.get('qpn'));
  keepCounts(qp, domain);
  qp.set({ waiting: 0, flush: 0, events: 0 });
  qp.publish('qpn', quiet ? 0 : RETIRED | 0);
  if (!quiet) return;
  memory.pd(qp.get('pd')).add('users', -1);
  memory.cq(qp.get('send_cq')).add('users', -1);
  memory.cq(qp.get('recv_cq')).add('users', -1);
  if (qp.get('srq') !== 0) memory.srq(qp.get('srq')).add('users', -1);
}

export function destroyQp(context: CommandContext, input: Uint8Array): Uint8Array {
  const qp = requireQp(context, cmdHandle.decode(input).handle);
  if (isAttached(context.memory, qp.get('qpn'))) throw new Refusal(VB_EBUSY, 'the queue pair is attached to a multicast group');
  dropQp(context, qp);
  context.domain.add('qps', -1);
  return new Uint8Array();
}
