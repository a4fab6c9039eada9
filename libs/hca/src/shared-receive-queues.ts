/** Shared receive queues (InfiniBand vol. 1, section 10.2.9): control path. */
import { VB_EBUSY, VB_EINVAL, VB_ENOSPC, cmdHandle, createSrqIn, modifySrqIn, querySrqOut } from '@verbena/guest-abi';
import { RETIRED, type SrqRow } from './adapter-memory.ts';
import { Refusal, freeEntry, requireRing, type CommandContext } from './command-context.ts';
import { VBF_SRQS } from './layout.ts';
import { SRQ_STRIDES } from './limits.ts';
import { requirePd } from './memory-regions.ts';

const GENERATIONS = 2 ** 12;

/** The domain's own shared receive queue of this number, or a refusal. */
export function requireSrq(context: CommandContext, srqn: number): SrqRow {
  const row = context.memory.srq(srqn);
  if (srqn === 0 || srqn === RETIRED || row.get('srqn') !== srqn || row.get('slot') !== context.slot) {
    throw new Refusal(VB_EINVAL, `${srqn} is no shared receive queue of this domain`);
  }
  return row;
}

export function createSrq(context: CommandContext, input: Uint8Array): Uint8Array {
  const { memory, domain, slot, epoch } = context;
  const { ring_addr, pd, entries, stride, limit } = createSrqIn.decode(input);
  const owner = requirePd(context, pd);
  requireRing(context, ring_addr, entries, stride, SRQ_STRIDES);
  if (limit > entries) throw new Refusal(VB_EINVAL, `a limit is at most the queue's ${entries} entries`);
  if (domain.get('srqs') >= context.limits.srqs) throw new Refusal(VB_ENOSPC, 'no more shared receive queues');
  const index = freeEntry(memory, 'srq');
  const row = memory.srq(index);
  const generation = (row.get('generation') + 1) % GENERATIONS;
  const srqn = generation * VBF_SRQS + index;
  row.clear({ slot, epoch, pd, ring_addr: Number(ring_addr), mask: entries - 1, stride, limit, generation });
  row.publish('srqn', srqn);
  domain.add('srqs', 1);
  owner.add('users', 1);
  return cmdHandle.encode({ handle: srqn });
}

export function modifySrq(context: CommandContext, input: Uint8Array): Uint8Array {
  const { srqn, limit } = modifySrqIn.decode(input);
  const row = requireSrq(context, srqn);
  if (limit > row.get('mask') + 1) throw new Refusal(VB_EINVAL, `a limit is at most the queue's ${row.get('mask') + 1} entries`);
  row.publish('limit', limit);
  return new Uint8Array();
}

export function querySrq(context: CommandContext, input: Uint8Array): Uint8Array {
  const row = requireSrq(context, cmdHandle.decode(input).handle);
  return querySrqOut.encode({ limit: row.load('limit'), entries: row.get('mask') + 1, head: row.load('head') });
}

export function destroySrq(context: CommandContext, input: Uint8Array): Uint8Array {
  const row = requireSrq(context, cmdHandle.decode(input).handle);
  if (row.get('users') !== 0) throw new Refusal(VB_EBUSY, 'queue pairs still receive from this shared receive queue');
  row.publish('srqn', 0);
  context.domain.add('srqs', -1);
  context.memory.pd(row.get('pd')).add('users', -1);
  return new Uint8Array();
}
