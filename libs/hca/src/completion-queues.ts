/** Completion queues (InfiniBand vol. 1, section 10.2.5): control path. */
import { VB_EBUSY, VB_EFAULT, VB_EINVAL, VB_ENOSPC, cmdHandle, cqe, createCqIn, resizeCqIn } from '@verbena/guest-abi';
import { RETIRED, type CqRow } from './adapter-memory.ts';
import { Refusal, freeEntry, isPowerOfTwo, requireRange, type CommandContext } from './command-context.ts';
import { VBF_CQS, VBF_CQ_FREE, VBF_CQ_OVERRUN, VBF_CQ_READY } from './layout.ts';
import { LIMITS } from './limits.ts';

const GENERATIONS = 2 ** 12;

/** The domain's own completion queue of this number, or a refusal. */
export function requireCq(context: CommandContext, cqn: number): CqRow {
  const row = context.memory.cq(cqn);
  if (cqn === 0 || cqn === RETIRED || row.get('cqn') !== cqn || row.get('slot') !== context.completions.slot) {
    throw new Refusal(VB_EINVAL, `${cqn} is no completion queue of this domain`);
  }
  return row;
}

function checkRing({ completions }: CommandContext, ring_addr: bigint, entries: number): void {
  if (!isPowerOfTwo(entries) || entries > LIMITS.cqEntries) {
    throw new Refusal(VB_EINVAL, `a completion queue has a power of two of entries, at most ${LIMITS.cqEntries}`);
  }
  if (ring_addr % BigInt(cqe.size) !== 0n) throw new Refusal(VB_EINVAL, 'the ring of a completion queue is aligned to 64 bytes');
  requireRange(completions, ring_addr, BigInt(entries * cqe.size), VB_EFAULT, 'the completion queue');
}

export function createCq(context: CommandContext, input: Uint8Array): Uint8Array {
  const { memory, domain, completions, limits } = context;
  const { slot, epoch } = completions;
  const { ring_addr, entries } = createCqIn.decode(input);
  checkRing(context, ring_addr, entries);
  if (domain.get('cqs') >= limits.cqs) throw new Refusal(VB_ENOSPC, 'no more completion queues');
  const index = freeEntry(memory, 'cq');
  const row = memory.cq(index);
  const generation = (row.get('generation') + 1) % GENERATIONS;
  const cqn = generation * VBF_CQS + index;
  row.clear({ slot, epoch, ring_addr: Number(ring_addr), mask: entries - 1, generation, state: VBF_CQ_READY });
  row.publish('cqn', cqn);
  domain.add('cqs', 1);
  return cmdHandle.encode({ handle: cqn });
}

/**
 * Moves a queue to another ring, with the completions that are in it: entry i lies at index i mod N of the new one. VB_EINVAL when they do not fit, VB_EBUSY when one
 * that was begun does not end.
 */
export function resizeCq(context: CommandContext, input: Uint8Array): Uint8Array {
  const { cqn, entries, ring_addr } = resizeCqIn.decode(input);
  requireCq(context, cqn);
  checkRing(context, ring_addr, entries);
  if (!context.reach(context.completions.slot, context.completions.epoch)) throw new Refusal(VB_EFAULT, 'its memory is out of reach');
  const result = context.firmware.core.cq_move(cqn, Number(ring_addr), entries);
  if (result === 1) throw new Refusal(VB_EINVAL, 'more completions are in the queue than the new ring has entries');
  if (result !== 0) throw new Refusal(VB_EBUSY, 'a completion was begun and does not end, or the queue is broken');
  return new Uint8Array();
}

/** Takes a queue out of the table; nothing may complete into it any more. */
export function dropCq(row: CqRow): void {
  row.publish('state', VBF_CQ_FREE);
  row.publish('cqn', 0);
}

/** Keeps a queue's entry from everybody: completions into it go nowhere. */
export function retireCq(row: CqRow): void {
  row.publish('state', VBF_CQ_OVERRUN);
  row.publish('cqn', RETIRED | 0);
}

export function destroyCq(context: CommandContext, input: Uint8Array): Uint8Array {
  const row = requireCq(context, cmdHandle.decode(input).handle);
  if (row.get('users') !== 0) throw new Refusal(VB_EBUSY, 'queue pairs still complete into this completion queue');
  if (context.domain.get('event_cq') === row.get('cqn')) context.domain.set({ event_cq: 0 });
  dropCq(row);
  context.domain.add('cqs', -1);
  return new Uint8Array();
}

/** Names the queue in which the domain's asynchronous events lie; 0: they only raise their channel. */
export function setEvents(context: CommandContext, input: Uint8Array): Uint8Array {
  const { handle } = cmdHandle.decode(input);
  if (handle !== 0) requireCq(context, handle);
  context.domain.publish('event_cq', handle);
  return new Uint8Array();
}
