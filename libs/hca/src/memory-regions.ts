/** Protection domains and memory regions (InfiniBand vol. 1, sections 10.2.3 and 10.6). */
import {
  VB_ACCESS_LOCAL_WRITE,
  VB_ACCESS_MW_BIND,
  VB_ACCESS_REMOTE_ATOMIC,
  VB_ACCESS_REMOTE_READ,
  VB_ACCESS_REMOTE_WRITE,
  VB_EBUSY,
  VB_EFAULT,
  VB_EINVAL,
  VB_ENOSPC,
  VB_REREG_ACCESS,
  VB_REREG_PD,
  VB_REREG_TRANSLATION,
  allocMwIn,
  cmdHandle,
  regMrIn,
  regMrOut,
  reregMrIn,
} from '@verbena/guest-abi';
import type { MrRow, PdRow } from './adapter-memory.ts';
import { Refusal, freeEntry, requireRange, type CommandContext } from './command-context.ts';
import { VBF_MR_REGION, VBF_MR_WINDOW, VBF_PDS } from './layout.ts';

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

interface Region {
  readonly access: number;
  readonly addr: bigint;
  readonly length: bigint;
}

function checkRegion(context: CommandContext, { access, addr, length }: Region): void {
  if ((access & ~(VB_ACCESS_LOCAL_WRITE | REMOTE | VB_ACCESS_MW_BIND)) !== 0) throw new Refusal(VB_EINVAL, 'unknown access rights');
  if ((access & REMOTE_CHANGE) !== 0 && (access & VB_ACCESS_LOCAL_WRITE) === 0) {
    throw new Refusal(VB_EINVAL, 'remote write and atomic access need local write access');
  }
  if (length === 0n) throw new Refusal(VB_EINVAL, 'a memory region has at least one byte');
  requireRange(context, addr, length, VB_EFAULT, 'the memory region');
}

/** A free entry of the table, and a key that it has not had for 256 registrations. */
function takeEntry({ memory, domain, limits }: CommandContext): { row: MrRow; key: number; generation: number } {
  if (domain.get('mrs') >= limits.mrs) throw new Refusal(VB_ENOSPC, 'no more memory regions');
  const index = freeEntry(memory, 'mr');
  const row = memory.mr(index);
  const generation = (row.get('generation') + 1) & 0xff;
  return { row, generation, key: (index << 8) | generation };
}

export function regMr(context: CommandContext, input: Uint8Array): Uint8Array {
  const { domain, slot } = context;
  const { pd, access, addr, length } = regMrIn.decode(input);
  const owner = requirePd(context, pd);
  checkRegion(context, { access, addr, length });
  const { row, key, generation } = takeEntry(context);
  row.set({ slot, pd, access, addr, length, generation, kind: VBF_MR_REGION, windows: 0 });
  row.publish('key', key);
  domain.add('mrs', 1);
  owner.add('users', 1);
  return regMrOut.encode({ handle: key >>> 0, lkey: key >>> 0, rkey: key >>> 0 });
}

/** Takes an entry out of the table and keeps its generation, so that its old key never matches again until 256 registrations later. */
export function dropMr(row: MrRow): void {
  row.publish('key', 0);
  row.set({ slot: 0xffff_ffff, pd: 0xffff_ffff });
}

function requireEntry(context: CommandContext, key: number, kind: number, what: string): MrRow {
  const row = context.memory.mr(key >>> 8);
  if (key === 0 || row.load('key') !== key || row.get('slot') !== context.slot || row.get('kind') !== kind) {
    throw new Refusal(VB_EINVAL, `${key} is no ${what} of this domain`);
  }
  return row;
}

/** Whoever checked a key before it was taken back may still be copying. It holds the lock of a connection of this domain while it does. */
function awaitAccesses({ memory, slot, firmware }: CommandContext): void {
  const high = memory.header.get('qp_high');
  for (let i = 1; i < high; i++) {
    const qp = memory.qp(i);
    if (qp.get('qpn') !== 0 && qp.get('slot') === slot) firmware.core.qp_quiesce(qp.get('qpn'), 1000);
  }
}

function requireUnbound(row: MrRow): void {
  if ((row.load('windows') | 0) > 0) throw new Refusal(VB_EBUSY, 'memory windows are bound to the region');
}

export function deregMr(context: CommandContext, input: Uint8Array): Uint8Array {
  const { memory, domain } = context;
  const row = requireEntry(context, cmdHandle.decode(input).handle, VBF_MR_REGION, 'memory region');
  requireUnbound(row);
  const pd = row.get('pd');
  dropMr(row);
  awaitAccesses(context);
  domain.add('mrs', -1);
  memory.pd(pd).add('users', -1);
  return new Uint8Array();
}

/** InfiniBand vol. 1, section 11.2.8.5. All is checked before anything changes, so a region that is refused is as it was. */
export function reregMr(context: CommandContext, input: Uint8Array): Uint8Array {
  const { memory } = context;
  const wish = reregMrIn.decode(input);
  const row = requireEntry(context, wish.handle, VBF_MR_REGION, 'memory region');
  if ((wish.flags & ~(VB_REREG_TRANSLATION | VB_REREG_PD | VB_REREG_ACCESS)) !== 0) throw new Refusal(VB_EINVAL, 'unknown flags');
  requireUnbound(row);
  const moved = (wish.flags & VB_REREG_TRANSLATION) !== 0;
  const addr = moved ? wish.addr : row.get('addr');
  const length = moved ? wish.length : row.get('length');
  const access = (wish.flags & VB_REREG_ACCESS) !== 0 ? wish.access : row.get('access');
  const before = row.get('pd');
  const pd = (wish.flags & VB_REREG_PD) !== 0 ? wish.pd : before;
  const owner = requirePd(context, pd);
  checkRegion(context, { access, addr, length });
  const generation = (row.get('generation') + 1) & 0xff;
  const key = ((wish.handle & ~0xff) | generation) >>> 0;
  row.publish('key', 0);
  awaitAccesses(context);
  memory.pd(before).add('users', -1);
  owner.add('users', 1);
  row.set({ pd, access, addr, length, generation });
  row.publish('key', key | 0);
  return regMrOut.encode({ handle: key, lkey: key, rkey: key });
}

/** A memory window of type 2 (InfiniBand vol. 1, section 10.6.7.2). It shows nothing until a work request binds it. */
export function allocMw(context: CommandContext, input: Uint8Array): Uint8Array {
  const { domain, slot } = context;
  const { pd } = allocMwIn.decode(input);
  const owner = requirePd(context, pd);
  const { row, key, generation } = takeEntry(context);
  row.set({ slot, pd: 0, access: 0, addr: 0n, length: 0n, generation, kind: VBF_MR_WINDOW, windows: 0, window_pd: pd, qpn: 0, parent: 0 });
  row.publish('key', key);
  domain.add('mrs', 1);
  owner.add('users', 1);
  return cmdHandle.encode({ handle: key >>> 0 });
}

/** The window may be bound; its key is that of the last binding. */
export function deallocMw(context: CommandContext, input: Uint8Array): Uint8Array {
  const { memory, domain, slot } = context;
  const row = requireEntry(context, cmdHandle.decode(input).handle, VBF_MR_WINDOW, 'memory window');
  const parent = memory.mr(row.get('parent') >>> 8);
  const bound = row.get('length') !== 0n;
  const pd = row.get('window_pd');
  row.set({ generation: row.load('key') & 0xff });
  dropMr(row);
  awaitAccesses(context);
  if (bound && parent.load('key') === row.get('parent') && parent.get('slot') === slot) parent.add('windows', -1);
  row.set({ length: 0n });
  domain.add('mrs', -1);
  memory.pd(pd).add('users', -1);
  return new Uint8Array();
}
