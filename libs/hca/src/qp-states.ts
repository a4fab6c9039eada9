/**
 * The states of a queue pair (InfiniBand Architecture Specification vol. 1, section 10.3.1):
 *
 *   RESET --> INIT --> RTR --> RTS <--> SQD      any state --> ERR --> RESET      any state --> RESET
 *                               ^
 *                               '-- SQE <-- (a send error of an unreliable queue pair)
 *
 * RESET  nothing works           INIT  receive requests may be posted       RTR  receives
 * RTS    sends and receives      SQD   receives, and finishes what it has begun to send
 * SQE    receives; what is posted to the send queue completes with a flush error
 * ERR    everything posted completes with a flush error
 */
import {
  VB_ATTR_ACCESS,
  VB_ATTR_DEST,
  VB_ATTR_MAX_DEST_RD_ATOMIC,
  VB_ATTR_MAX_RD_ATOMIC,
  VB_ATTR_MIN_RNR_TIMER,
  VB_ATTR_PATH_MTU,
  VB_ATTR_PKEY_INDEX,
  VB_ATTR_QKEY,
  VB_ATTR_RETRY,
  VB_ATTR_RQ_PSN,
  VB_ATTR_SL,
  VB_ATTR_SQD_EVENT,
  VB_ATTR_SQ_PSN,
  VB_ATTR_TIMEOUT,
  VB_QPS_ERR,
  VB_QPS_INIT,
  VB_QPS_RESET,
  VB_QPS_RTR,
  VB_QPS_RTS,
  VB_QPS_SQD,
  VB_QPS_SQE,
  VB_QPT_RC,
  VB_QPT_UC,
  VB_QPT_UD,
} from '@verbena/guest-abi';

export interface Transition {
  readonly type: number;
  readonly from: number;
  readonly to: number;
  /** Attributes (VB_ATTR_*) that must be given, and that may be. */
  readonly required: number;
  readonly optional: number;
}

const anywhere = [VB_QPS_RESET, VB_QPS_INIT, VB_QPS_RTR, VB_QPS_RTS, VB_QPS_SQD, VB_QPS_SQE, VB_QPS_ERR];
const ENTRY = VB_ATTR_PKEY_INDEX;
const PATH = VB_ATTR_SL | VB_ATTR_PATH_MTU | VB_ATTR_RQ_PSN | VB_ATTR_MAX_DEST_RD_ATOMIC | VB_ATTR_MIN_RNR_TIMER | VB_ATTR_PKEY_INDEX;
const TIMERS = VB_ATTR_SQ_PSN | VB_ATTR_TIMEOUT | VB_ATTR_MAX_RD_ATOMIC | VB_ATTR_MIN_RNR_TIMER;

function tableOf(type: number): Transition[] {
  const rights = type === VB_QPT_UD ? VB_ATTR_QKEY : VB_ATTR_ACCESS;
  const row = (from: number, to: number, required: number, optional: number): Transition => ({ type, from, to, required, optional });
  const retry = type === VB_QPT_RC ? VB_ATTR_RETRY : 0;
  return [
    row(VB_QPS_RESET, VB_QPS_INIT, rights, ENTRY),
    row(VB_QPS_INIT, VB_QPS_INIT, 0, rights | ENTRY),
    row(VB_QPS_INIT, VB_QPS_RTR, type === VB_QPT_UD ? 0 : VB_ATTR_DEST, rights | PATH),
    row(VB_QPS_RTR, VB_QPS_RTS, retry, rights | TIMERS),
    row(VB_QPS_RTS, VB_QPS_RTS, 0, rights | VB_ATTR_MIN_RNR_TIMER),
    row(VB_QPS_RTS, VB_QPS_SQD, 0, VB_ATTR_SQD_EVENT),
    row(VB_QPS_SQD, VB_QPS_SQD, 0, rights | VB_ATTR_SL | VB_ATTR_TIMEOUT | VB_ATTR_MIN_RNR_TIMER | retry),
    row(VB_QPS_SQD, VB_QPS_RTS, 0, rights | VB_ATTR_MIN_RNR_TIMER),
    ...(type === VB_QPT_RC ? [] : [row(VB_QPS_SQE, VB_QPS_RTS, 0, rights)]),
    ...anywhere.map((from) => row(from, VB_QPS_ERR, 0, 0)),
    ...anywhere.map((from) => row(from, VB_QPS_RESET, 0, 0)),
  ];
}

export const TRANSITIONS: readonly Transition[] = [VB_QPT_RC, VB_QPT_UC, VB_QPT_UD].flatMap(tableOf);

/** The transition that a MODIFY_QP asks for, or undefined when the table does not have it with these attributes. */
export function transitionFor(from: number, to: number, attributes: number, type: number = VB_QPT_RC): Transition | undefined {
  return TRANSITIONS.find(
    (each) =>
      each.type === type &&
      each.from === from &&
      each.to === to &&
      (attributes & each.required) === each.required &&
      (attributes & ~(each.required | each.optional)) === 0,
  );
}
