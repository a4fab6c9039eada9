import type { AdapterMemory, DomainRow } from './adapter-memory.ts';
import type { FirmwareInstance } from './firmware-instance.ts';

/** What a set-up command works with: it acts for the domain in `slot`, on that domain's thread. */
export interface CommandContext {
  readonly memory: AdapterMemory;
  readonly firmware: FirmwareInstance;
  readonly domain: DomainRow;
  readonly slot: number;
  readonly epoch: number;
  /** The guest's memory now, in bytes. It never shrinks. */
  memoryBytes(): number;
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
export function requireRange(context: CommandContext, addr: bigint, length: bigint, status: number, what: string): void {
  if (length < 0n || addr + length > BigInt(context.memoryBytes())) throw new Refusal(status, `${what} lies outside the guest's memory`);
}

/** The first free entry of a table from index 1 on, or a refusal. `high` is where the never-used entries begin. */
export function freeEntry(high: number, size: number, isFree: (index: number) => boolean, status: number, what: string): number {
  for (let i = 1; i < Math.min(high, size); i++) if (isFree(i)) return i;
  const next = Math.max(high, 1);
  if (next >= size) throw new Refusal(status, `the adapter has no free ${what}`);
  return next;
}
