/**
 * The states of a queue pair (InfiniBand Architecture Specification vol. 1, section 10.3.1), without the drained states SQD and SQE, which
 * a reliable connection of this adapter never enters:
 *
 *   RESET --> INIT --> RTR --> RTS      any state --> ERR --> RESET      any state --> RESET
 *
 * RESET  nothing works           INIT  receive requests may be posted       RTR  receives
 * RTS    sends and receives      ERR   everything posted completes with a flush error
 */
import {
  VB_ATTR_ACCESS,
  VB_ATTR_DEST,
  VB_ATTR_RETRY,
  VB_QPS_ERR,
  VB_QPS_INIT,
  VB_QPS_RESET,
  VB_QPS_RTR,
  VB_QPS_RTS,
} from '@verbena/guest-abi';

export interface Transition {
  readonly from: number;
  readonly to: number;
  /** Attributes (VB_ATTR_*) that must be given, and that may be. */
  readonly required: number;
  readonly optional: number;
}

const row = (from: number, to: number, required: number, optional: number): Transition => ({ from, to, required, optional });
const anywhere = [VB_QPS_RESET, VB_QPS_INIT, VB_QPS_RTR, VB_QPS_RTS, VB_QPS_ERR];

export const TRANSITIONS: readonly Transition[] = [
  row(VB_QPS_RESET, VB_QPS_INIT, VB_ATTR_ACCESS, 0),
  row(VB_QPS_INIT, VB_QPS_INIT, 0, VB_ATTR_ACCESS),
  row(VB_QPS_INIT, VB_QPS_RTR, VB_ATTR_DEST, VB_ATTR_ACCESS),
  row(VB_QPS_RTR, VB_QPS_RTS, VB_ATTR_RETRY, VB_ATTR_ACCESS),
  row(VB_QPS_RTS, VB_QPS_RTS, 0, VB_ATTR_ACCESS),
  ...anywhere.map((from) => row(from, VB_QPS_ERR, 0, 0)),
  ...anywhere.map((from) => row(from, VB_QPS_RESET, 0, 0)),
];

/** The transition that a MODIFY_QP asks for, or undefined when the table does not have it with these attributes. */
export function transitionFor(from: number, to: number, attributes: number): Transition | undefined {
  return TRANSITIONS.find(
    (each) =>
      each.from === from &&
      each.to === to &&
      (attributes & each.required) === each.required &&
      (attributes & ~(each.required | each.optional)) === 0,
  );
}
