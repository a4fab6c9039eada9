/** Set-up commands by opcode: their input's size, and what carries them out. */
import * as abi from '@verbena/guest-abi';
import { createCq, destroyCq } from './completion-queues.ts';
import type { CommandContext } from './command-context.ts';
import { LIMITS } from './limits.ts';
import { allocPd, deallocPd, deregMr, regMr } from './memory-regions.ts';
import { createQp, destroyQp, modifyQp, queryQp } from './queue-pairs.ts';

export interface Command {
  readonly name: string;
  readonly inputBytes: number;
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

export const COMMANDS: ReadonlyMap<number, Command> = new Map([
  [abi.VB_CMD_QUERY_DEVICE, { name: 'QUERY_DEVICE', inputBytes: 0, run: queryDevice }],
  [abi.VB_CMD_ALLOC_PD, { name: 'ALLOC_PD', inputBytes: 0, run: allocPd }],
  [abi.VB_CMD_DEALLOC_PD, { name: 'DEALLOC_PD', inputBytes: handle, run: deallocPd }],
  [abi.VB_CMD_REG_MR, { name: 'REG_MR', inputBytes: abi.regMrIn.size, run: regMr }],
  [abi.VB_CMD_DEREG_MR, { name: 'DEREG_MR', inputBytes: handle, run: deregMr }],
  [abi.VB_CMD_CREATE_CQ, { name: 'CREATE_CQ', inputBytes: abi.createCqIn.size, run: createCq }],
  [abi.VB_CMD_DESTROY_CQ, { name: 'DESTROY_CQ', inputBytes: handle, run: destroyCq }],
  [abi.VB_CMD_CREATE_QP, { name: 'CREATE_QP', inputBytes: abi.createQpIn.size, run: createQp }],
  [abi.VB_CMD_MODIFY_QP, { name: 'MODIFY_QP', inputBytes: abi.modifyQpIn.size, run: modifyQp }],
  [abi.VB_CMD_QUERY_QP, { name: 'QUERY_QP', inputBytes: handle, run: queryQp }],
  [abi.VB_CMD_DESTROY_QP, { name: 'DESTROY_QP', inputBytes: handle, run: destroyQp }],
]);
