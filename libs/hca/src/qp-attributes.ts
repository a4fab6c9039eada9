/** The attributes of a queue pair that MODIFY_QP sets and QUERY_QP_ATTR tells (InfiniBand vol. 1, section 11.2.5.2). */
import * as abi from '@verbena/guest-abi';
import type { StructValue } from '@verbena/binary';
import type { QpRow } from './adapter-memory.ts';
import { Refusal, type CommandContext } from './command-context.ts';
import { VBF_PKEYS } from './layout.ts';
import { firstRx, firstTx, nextRxPsn, nextTxPsn } from './packet-sequence.ts';

export type Wish = StructValue<typeof abi.modifyQpIn.fields>;

const ALL_ACCESS = abi.VB_ACCESS_LOCAL_WRITE | abi.VB_ACCESS_REMOTE_WRITE | abi.VB_ACCESS_REMOTE_READ | abi.VB_ACCESS_REMOTE_ATOMIC;
const ALL_ATTRIBUTES = 2 * abi.VB_ATTR_SQD_EVENT - 1;
const LEAST_MTU = 256;
const MOST_PSN = 0xff_ffff;

const has = (wish: Wish, attribute: number): boolean => (wish.attr_mask & attribute) !== 0;

/** Refuses values that cannot be, before anything changes. */
export function checkAttributes(context: CommandContext, wish: Wish): void {
  const refuseIf = (wrong: boolean, reason: string): void => {
    if (wrong) throw new Refusal(abi.VB_EINVAL, reason);
  };
  refuseIf((wish.attr_mask & ~ALL_ATTRIBUTES) !== 0, 'unknown attributes');
  refuseIf(has(wish, abi.VB_ATTR_ACCESS) && (wish.access & ~ALL_ACCESS) !== 0, 'unknown access rights');
  refuseIf(has(wish, abi.VB_ATTR_RETRY) && (wish.retry_count > 7 || wish.rnr_retry > 7), 'retry counts are 0 to 7');
  refuseIf(has(wish, abi.VB_ATTR_SL) && wish.sl > 15, 'service levels are 0 to 15');
  refuseIf(has(wish, abi.VB_ATTR_PATH_MTU) && (wish.path_mtu < 1 || wish.path_mtu > 5), 'a path MTU is 1 (256 bytes) to 5 (4096 bytes)');
  refuseIf(has(wish, abi.VB_ATTR_SQ_PSN) && wish.sq_psn > MOST_PSN, 'a packet sequence number has 24 bits');
  refuseIf(has(wish, abi.VB_ATTR_RQ_PSN) && wish.rq_psn > MOST_PSN, 'a packet sequence number has 24 bits');
  refuseIf(has(wish, abi.VB_ATTR_TIMEOUT) && wish.timeout > 31, 'a timeout is 0 to 31');
  refuseIf(has(wish, abi.VB_ATTR_MIN_RNR_TIMER) && wish.min_rnr_timer > 31, 'a minimal RNR timer is 0 to 31');
  refuseIf(
    has(wish, abi.VB_ATTR_PKEY_INDEX) && pkeyAt(context, wish.pkey_index) === 0,
    `there is no partition key at index ${wish.pkey_index}`,
  );
}

/** The entry of the domain's P_Key table, as the data path has it; 0: none. */
export function pkeyAt({ domain }: CommandContext, index: number): number {
  return index < VBF_PKEYS ? (domain.get('pkeys')[index] ?? 0) : 0;
}

/** Stores what is given. The state and the destination are not among it. */
export function setAttributes(context: CommandContext, qp: QpRow, wish: Wish): void {
  if (has(wish, abi.VB_ATTR_ACCESS)) qp.set({ access: wish.access });
  if (has(wish, abi.VB_ATTR_RETRY)) qp.set({ retry_count: wish.retry_count, rnr_retry: wish.rnr_retry });
  if (has(wish, abi.VB_ATTR_QKEY)) qp.set({ qkey: wish.qkey });
  if (has(wish, abi.VB_ATTR_PKEY_INDEX)) qp.set({ pkey_index: wish.pkey_index, pkey: pkeyAt(context, wish.pkey_index) });
  if (has(wish, abi.VB_ATTR_SL)) qp.set({ sl: wish.sl });
  if (has(wish, abi.VB_ATTR_PATH_MTU)) qp.set({ path_mtu: Math.log2(LEAST_MTU) + wish.path_mtu - 1 });
  if (has(wish, abi.VB_ATTR_SQ_PSN)) qp.set(firstTx(qp, wish.sq_psn));
  if (has(wish, abi.VB_ATTR_RQ_PSN)) qp.set(firstRx(qp, wish.rq_psn));
  if (has(wish, abi.VB_ATTR_TIMEOUT)) qp.set({ timeout: wish.timeout });
  if (has(wish, abi.VB_ATTR_MIN_RNR_TIMER)) qp.set({ min_rnr_timer: wish.min_rnr_timer });
  if (has(wish, abi.VB_ATTR_MAX_RD_ATOMIC)) qp.set({ max_rd_atomic: wish.max_rd_atomic });
  if (has(wish, abi.VB_ATTR_MAX_DEST_RD_ATOMIC)) qp.set({ max_dest_rd_atomic: wish.max_dest_rd_atomic });
}

/** All of them, as they are now. */
export function attributesOf(qp: QpRow): Uint8Array {
  const link = qp.get('link') !== 0;
  const begun = link && (qp.load('sq_high') !== qp.load('sq_head') || qp.load('tx_offset') !== 0);
  return abi.queryQpAttrOut.encode({
    state: qp.load('state'),
    type: qp.get('type'),
    access: qp.get('access'),
    dest_lid: qp.get('dest_lid'),
    dest_qpn: link ? qp.get('remote_qpn') : qp.get('dest_qpn'),
    retry_count: qp.get('retry_count'),
    rnr_retry: qp.get('rnr_retry'),
    qkey: qp.get('qkey'),
    sq_psn: nextTxPsn(qp),
    rq_psn: nextRxPsn(qp),
    pkey_index: qp.get('pkey_index'),
    sl: qp.get('sl'),
    path_mtu: qp.get('path_mtu') - Math.log2(LEAST_MTU) + 1,
    timeout: qp.get('timeout'),
    min_rnr_timer: qp.get('min_rnr_timer'),
    max_rd_atomic: qp.get('max_rd_atomic'),
    max_dest_rd_atomic: qp.get('max_dest_rd_atomic'),
    draining: qp.load('state') === abi.VB_QPS_SQD && begun ? 1 : 0,
  });
}
