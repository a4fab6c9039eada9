import type { AdapterMemory, DomainRow } from './adapter-memory.ts';
import type { FirmwareInstance } from './firmware-instance.ts';
import { LIMITS, type Limits } from './limits.ts';
import { VB_EFAULT, VB_EINVAL, VB_ENOSPC } from '@verbena/guest-abi';
import {
  VBF_CQS,
  VBF_CQ_ADDR,
  VBF_MRS,
  VBF_MR_ADDR,
  VBF_PDS,
  VBF_PD_ADDR,
  VBF_QPS,
  VBF_QP_ADDR,
  VBF_SRQS,
  VBF_SRQ_ADDR,
  cq,
  mr,
  pd,
  qp,
  srq,
} from './layout.ts';

/** What a set-up command works with: it acts for the domain in `slot`, on that domain's thread. */
export interface CommandContext {
  readonly memory: AdapterMemory;
  readonly firmware: FirmwareInstance;
  readonly domain: DomainRow;
  readonly slot: number;
  readonly epoch: number;
  readonly limits: Limits;
  /** The domain in whose memory completion queues lie: `slot`, but for a guest behind a driver domain. */
  readonly completions: { readonly slot: number; readonly epoch: number; memoryBytes(wanted: bigint): number };
  /** The guest's memory in bytes, at least when fewer than `wanted` as it is now. It never shrinks. */
  memoryBytes(wanted: bigint): number;
  /** Makes the memory of another domain of the partition known to this thread; false when it never joined. */
  reach(slot: number, epoch: number): boolean;
}

/** A refusal: the command's status. Everything a guest can do wrong ends here; a bug of ours is another exception. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

/** Checks that [addr, addr + length) lies in the guest's memory, in 64-bit arithmetic. */
export function requireRange(
  context: Pick<CommandContext, 'memoryBytes'>,
  addr: bigint,
  length: bigint,
  status: number,
  what: string,
): void {
  const end = addr + length;
  if (length < 0n || end > BigInt(context.memoryBytes(end))) throw new Refusal(status, `${what} lies outside the guest's memory`);
}

export type TableName = 'pd' | 'cq' | 'mr' | 'qp' | 'srq';

const TABLES = {
  pd: { what: 'protection domain', address: VBF_PD_ADDR, layout: pd, name: 'handle', size: VBF_PDS, high: 'pd_high' },
  cq: { what: 'completion queue', address: VBF_CQ_ADDR, layout: cq, name: 'cqn', size: VBF_CQS, high: 'cq_high' },
  mr: { what: 'memory region', address: VBF_MR_ADDR, layout: mr, name: 'key', size: VBF_MRS, high: 'mr_high' },
  qp: { what: 'queue pair', address: VBF_QP_ADDR, layout: qp, name: 'qpn', size: VBF_QPS, high: 'qp_high' },
  srq: { what: 'shared receive queue', address: VBF_SRQ_ADDR, layout: srq, name: 'srqn', size: VBF_SRQS, high: 'srq_high' },
} as const;

/** Index of a free entry of a table, from 1 on; entries are free while the field that names them is 0. A refusal when all are taken. */
export function freeEntry(memory: AdapterMemory, table: TableName): number {
  const { what, address, layout, name, size, high } = TABLES[table];
  const used = memory.header.get(high);
  const first = (address + ((layout.offsets as Readonly<Record<string, number>>)[name] ?? 0)) >>> 2;
  const stride = layout.size >>> 2;
  for (let i = 1; i < used; i++) if (memory.words[first + i * stride] === 0) return i;
  if (used >= size) throw new Refusal(VB_ENOSPC, `the adapter has no free ${what}`);
  memory.header.set({ [high]: used + 1 });
  return used;
}

export const isPowerOfTwo = (value: number): boolean => value > 0 && (value & (value - 1)) === 0;

/** Checks the ring of a work queue: its stride, its size, where it lies. */
export function requireRing(context: CommandContext, addr: bigint, entries: number, stride: number, strides: readonly number[]): void {
  if (!strides.includes(stride)) throw new Refusal(VB_EINVAL, `a work request is ${strides.join(', ')} bytes long, not ${stride}`);
  if (!isPowerOfTwo(entries) || entries > LIMITS.queueEntries) {
    throw new Refusal(VB_EINVAL, `a work queue has a power of two of entries, at most ${LIMITS.queueEntries}`);
  }
  if (addr % 64n !== 0n) throw new Refusal(VB_EINVAL, 'a work queue is aligned to 64 bytes');
  requireRange(context, addr, BigInt(entries * stride), VB_EFAULT, 'the work queue');
}
