/** Set-up commands by opcode: their input's size, and what carries them out. */
import * as abi from '@verbena/guest-abi';
import { createCq, destroyCq, resizeCq, setEvents } from './completion-queues.ts';
import type { CommandContext } from './command-context.ts';
import { LIMITS } from './limits.ts';
import { allocMw, allocPd, deallocMw, deallocPd, deregMr, regMr, reregMr } from './memory-regions.ts';
import { attachMcast, detachMcast, joinMcast, leaveMcast } from './multicast.ts';
import { sendMad } from './management.ts';
import { queryCounters, queryLimits, queryPkey, queryPort } from './ports.ts';
import { createQp, destroyQp, modifyQp, queryQp, queryQpAttr } from './queue-pairs.ts';
import { createSrq, destroySrq, modifySrq, querySrq } from './shared-receive-queues.ts';

export interface Command {
  readonly name: string;
  readonly inputBytes: number;
  /** A guest may leave out what lies behind; it counts as zeros. As many as `inputBytes` when absent. */
  readonly leastBytes?: number;
  readonly run: (context: CommandContext, input: Uint8Array) => Uint8Array;
}

function queryDevice({ domain, memory, limits }: CommandContext): Uint8Array {
  const guid = domain.get('port_guid');
  return abi.deviceInfo.encode({
    node_guid: guid,
    port_guid: guid,
    lid: domain.get('lid'),
    max_qp: limits.qps,
    max_cq: limits.cqs,
    max_mr: limits.mrs,
    max_pd: limits.pds,
    max_qp_wr: LIMITS.queueEntries,
    max_cqe: LIMITS.cqEntries,
    max_sge: LIMITS.sge,
    max_inline: LIMITS.inlineBytes,
    flags: memory.header.get('link_high') === 0 ? 0 : abi.VB_DEVICE_LINKS,
    max_msg_size: BigInt(LIMITS.messageBytes),
  });
}

const handle = abi.cmdHandle.size;
/** Sizes of structures before they grew. */
const FIRST_CREATE_QP = 48;
const FIRST_MODIFY_QP = 32;

export const COMMANDS: ReadonlyMap<number, Command> = new Map([
  [abi.VB_CMD_QUERY_DEVICE, { name: 'QUERY_DEVICE', inputBytes: 0, run: queryDevice }],
  [abi.VB_CMD_ALLOC_PD, { name: 'ALLOC_PD', inputBytes: 0, run: allocPd }],
  [abi.VB_CMD_DEALLOC_PD, { name: 'DEALLOC_PD', inputBytes: handle, run: deallocPd }],
  [abi.VB_CMD_REG_MR, { name: 'REG_MR', inputBytes: abi.regMrIn.size, run: regMr }],
  [abi.VB_CMD_DEREG_MR, { name: 'DEREG_MR', inputBytes: handle, run: deregMr }],
  [abi.VB_CMD_CREATE_CQ, { name: 'CREATE_CQ', inputBytes: abi.createCqIn.size, run: createCq }],
  [abi.VB_CMD_DESTROY_CQ, { name: 'DESTROY_CQ', inputBytes: handle, run: destroyCq }],
  [abi.VB_CMD_JOIN_MCAST, { name: 'JOIN_MCAST', inputBytes: abi.joinMcastIn.size, run: joinMcast }],
  [abi.VB_CMD_LEAVE_MCAST, { name: 'LEAVE_MCAST', inputBytes: abi.joinMcastIn.size, run: leaveMcast }],
  [abi.VB_CMD_ATTACH_MCAST, { name: 'ATTACH_MCAST', inputBytes: abi.attachMcastIn.size, run: attachMcast }],
  [abi.VB_CMD_DETACH_MCAST, { name: 'DETACH_MCAST', inputBytes: abi.attachMcastIn.size, run: detachMcast }],
  [abi.VB_CMD_RESIZE_CQ, { name: 'RESIZE_CQ', inputBytes: abi.resizeCqIn.size, run: resizeCq }],
  [abi.VB_CMD_CREATE_QP, { name: 'CREATE_QP', inputBytes: abi.createQpIn.size, leastBytes: FIRST_CREATE_QP, run: createQp }],
  [abi.VB_CMD_MODIFY_QP, { name: 'MODIFY_QP', inputBytes: abi.modifyQpIn.size, leastBytes: FIRST_MODIFY_QP, run: modifyQp }],
  [abi.VB_CMD_QUERY_QP, { name: 'QUERY_QP', inputBytes: handle, run: queryQp }],
  [abi.VB_CMD_DESTROY_QP, { name: 'DESTROY_QP', inputBytes: handle, run: destroyQp }],
  [abi.VB_CMD_REREG_MR, { name: 'REREG_MR', inputBytes: abi.reregMrIn.size, run: reregMr }],
  [abi.VB_CMD_ALLOC_MW, { name: 'ALLOC_MW', inputBytes: abi.allocMwIn.size, run: allocMw }],
  [abi.VB_CMD_DEALLOC_MW, { name: 'DEALLOC_MW', inputBytes: handle, run: deallocMw }],
  [abi.VB_CMD_CREATE_SRQ, { name: 'CREATE_SRQ', inputBytes: abi.createSrqIn.size, run: createSrq }],
  [abi.VB_CMD_MODIFY_SRQ, { name: 'MODIFY_SRQ', inputBytes: abi.modifySrqIn.size, run: modifySrq }],
  [abi.VB_CMD_QUERY_SRQ, { name: 'QUERY_SRQ', inputBytes: handle, run: querySrq }],
  [abi.VB_CMD_DESTROY_SRQ, { name: 'DESTROY_SRQ', inputBytes: handle, run: destroySrq }],
  [abi.VB_CMD_SET_EVENTS, { name: 'SET_EVENTS', inputBytes: handle, run: setEvents }],
  [abi.VB_CMD_QUERY_PORT, { name: 'QUERY_PORT', inputBytes: 0, run: queryPort }],
  [abi.VB_CMD_QUERY_PKEY, { name: 'QUERY_PKEY', inputBytes: handle, run: queryPkey }],
  [abi.VB_CMD_QUERY_COUNTERS, { name: 'QUERY_COUNTERS', inputBytes: abi.countersIn.size, run: queryCounters }],
  [abi.VB_CMD_QUERY_QP_ATTR, { name: 'QUERY_QP_ATTR', inputBytes: handle, run: queryQpAttr }],
  [abi.VB_CMD_MAD, { name: 'MAD', inputBytes: abi.mad.size, run: sendMad }],
  [abi.VB_CMD_QUERY_LIMITS, { name: 'QUERY_LIMITS', inputBytes: 0, run: queryLimits }],
]);
