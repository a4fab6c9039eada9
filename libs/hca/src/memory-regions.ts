/** Protection domains and memory regions (InfiniBand vol. 1, sections 10.2.3 and 10.6). */
import {
  VB_ACCESS_LOCAL_WRITE,
  VB_ACCESS_REMOTE_ATOMIC,
  VB_ACCESS_REMOTE_READ,
  VB_ACCESS_REMOTE_WRITE,
  VB_EBUSY,
  VB_EFAULT,
  VB_EINVAL,
  VB_ENOSPC,
  cmdHandle,
  regMrIn,
  regMrOut,
} from '@verbena/guest-abi';
import type { MrRow, PdRow } from './adapter-memory.ts';
import { Refusal, freeEntry, requireRange, type CommandContext } from './command-context.ts';
import { VBF_PDS } from './layout.ts';

const PD_GENERATIONS = 2 ** 20;
/** Rights to change a region from afar. */
const REMOTE_CHANGE = VB_ACCESS_REMOTE_WRITE | VB_ACCESS_REMOTE_ATOMIC;
const REMOTE = REMOTE_CHANGE | VB_ACCESS_REMOTE_READ;

/** The domain's own protection domain of this handle, or a refusal. */
export function requirePd(context: CommandContext, handle: number): PdRow {
  const row = context.memory.pd(handle);
  if (handle === 0 || row.get('handle') !== handle || row.get('slot') !== context.slot) {
    throw new Refusal(VB_EINVAL, `${handle} is no protection domain of this domain`);
  }
  return row;
}

export function allocPd(context: CommandContext): Uint8Array {
  const { memory, domain, slot, limits } = context;
  if (domain.get('pds') >= limits.pds) throw new Refusal(VB_ENOSPC, 'no more protection domains');
  const index = freeEntry(memory, 'pd');
  const row = memory.pd(index);
  const generation = (row.get('generation') + 1) % PD_GENERATIONS;
  const handle = generation * VBF_PDS + index;
  row.set({ handle, slot, users: 0, generation });
  domain.add('pds', 1);
  return cmdHandle.encode({ handle });
}

export function deallocPd(context: CommandContext, input: Uint8Array): Uint8Array {
  const row = requirePd(context, cmdHandle.decode(input).handle);
  if (row.get('users') !== 0) throw new Refusal(VB_EBUSY, 'the protection domain is in use');
  row.set({ handle: 0 });
  context.domain.add('pds', -1);
  return new Uint8Array();
}

export function regMr(context: CommandContext, input: Uint8Array): Uint8Array {
  const { memory, domain, slot } = context;
  const { pd, access, addr, length } = regMrIn.decode(input);
  const owner = requirePd(context, pd);
  if ((access & ~(VB_ACCESS_LOCAL_WRITE | REMOTE)) !== 0) throw new Refusal(VB_EINVAL, 'unknown access rights');
  if ((access & REMOTE_CHANGE) !== 0 && (access & VB_ACCESS_LOCAL_WRITE) === 0) {
    throw new Refusal(VB_EINVAL, 'remote write and atomic access need local write access');
  }
  if (length === 0n) throw new Refusal(VB_EINVAL, 'a memory region has at least one byte');
  requireRange(context, addr, length, VB_EFAULT, 'the memory region');
  if (domain.get('mrs') >= context.limits.mrs) throw new Refusal(VB_ENOSPC, 'no more memory regions');
  const index = freeEntry(memory, 'mr');
  const row = memory.mr(index);
  const generation = ((row.get('pd') >>> 24) + 1) & 0xff;
  const key = (index << 8) | generation;
  row.set({ slot, pd, access, addr, length });
  row.publish('key', key);
  domain.add('mrs', 1);
  owner.add('users', 1);
  return regMrOut.encode({ handle: key >>> 0, lkey: key >>> 0, rkey: key >>> 0 });
}

/** Takes a region out of the table and keeps its generation, so that its old key never matches again until 256 registrations later. */
export function dropMr(row: MrRow): void {
  const generation = row.load('key') & 0xff;
  row.publish('key', 0);
  row.set({ pd: (generation << 24) >>> 0, slot: 0xffff_ffff });
}

export function deregMr(context: CommandContext, input: Uint8Array): Uint8Array {
  const { memory, domain, slot } = context;
  const { handle } = cmdHandle.decode(input);
  const row = memory.mr(handle >>> 8);
  if (handle === 0 || row.load('key') !== handle || row.get('slot') !== slot) {
    throw new Refusal(VB_EINVAL, `${handle} is no memory region of this domain`);
  }
  const pd = row.get('pd');
  dropMr(row);
  // Whoever checked the key before may still be copying. It holds the lock of a connection of this domain while it does.
  const high = memory.header.get('qp_high');
  for (let i = 1; i < high; i++) {
    const qp = memory.qp(i);
    if (qp.get('qpn') !== 0 && qp.get('slot') === slot) context.firmware.core.qp_quiesce(qp.get('qpn'), 1000);
  }
  domain.add('mrs', -1);
  memory.pd(pd).add('users', -1);
  return new Uint8Array();
}
