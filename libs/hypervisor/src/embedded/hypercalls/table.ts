/**
 * The hypercalls, as data: number, name, which of the two imports may make it, and its handler. Counters, dispatch and argument checks follow
 * from the row. A handler's result is >= 0 or a negative VB_E* number; GuestFault becomes VB_EFAULT.
 */
import {
  VB_ABI_VERSION,
  VB_EFAULT,
  VB_EINVAL,
  VB_ENOSYS,
  VB_HC_ABORT,
  VB_HC_BLOCK,
  VB_HC_CONSOLE,
  VB_HC_HCA_COMMAND,
  VB_HC_OUT_OF_MEMORY,
  VB_HC_POLL,
  VB_HC_RENDEZVOUS,
  VB_HC_SAFEPOINT,
  VB_HC_SPAWN,
  VB_HC_VERSION,
} from '@verbena/guest-abi';
import { GuestFault } from '../guest-memory.ts';
import { abort } from './abort.ts';
import { block } from './block.ts';
import { consoleLine } from './console-line.ts';
import type { HypercallContext, HypercallHandler } from './context.ts';
import { hcaCommand } from './hca-command.ts';
import { outOfMemory } from './out-of-memory.ts';
import { poll } from './poll.ts';
import { rendezvous } from './rendezvous.ts';
import { safepoint } from './safepoint.ts';
import { spawn } from './spawn.ts';

export interface Hypercall {
  readonly nr: number;
  readonly name: string;
  readonly blocks: boolean;
  readonly handler: HypercallHandler;
}

export const hypercalls: readonly Hypercall[] = [
  { nr: VB_HC_VERSION, name: 'version', blocks: false, handler: () => VB_ABI_VERSION },
  { nr: VB_HC_CONSOLE, name: 'console', blocks: false, handler: consoleLine },
  { nr: VB_HC_ABORT, name: 'abort', blocks: false, handler: abort },
  { nr: VB_HC_HCA_COMMAND, name: 'hca-command', blocks: false, handler: hcaCommand },
  { nr: VB_HC_OUT_OF_MEMORY, name: 'out-of-memory', blocks: false, handler: outOfMemory },
  { nr: VB_HC_SPAWN, name: 'spawn', blocks: false, handler: spawn },
  { nr: VB_HC_BLOCK, name: 'block', blocks: true, handler: block },
  { nr: VB_HC_RENDEZVOUS, name: 'rendezvous', blocks: true, handler: rendezvous },
  { nr: VB_HC_SAFEPOINT, name: 'safepoint', blocks: true, handler: safepoint },
  { nr: VB_HC_POLL, name: 'poll', blocks: true, handler: poll },
];

/** Counter of calls with a number that no hypercall has, or through the wrong import. */
export const unknownHypercall = { name: 'unknown', slot: hypercalls.length } as const;
/** Counter of doorbells that trap. */
export const doorbellCall = { name: 'doorbell', slot: hypercalls.length + 1 } as const;
/** Counter of notifications by event channel. */
export const notifyCall = { name: 'notify', slot: hypercalls.length + 2 } as const;
export const hypercallSlots = hypercalls.length + 3;

/** One of the two imports of module "verbena". */
export function hypercallImport(context: HypercallContext, blocks: boolean) {
  const rows: ((a0: number, a1: number, a2: number, a3: number) => number)[] = [];
  const slots: number[] = [];
  hypercalls.forEach((row, slot) => {
    if (row.blocks !== blocks) return;
    slots[row.nr] = slot;
    rows[row.nr] = (a0, a1, a2, a3) => row.handler(context, a0, a1, a2, a3);
  });
  const enter = (nr: number, a0: number, a1: number, a2: number, a3: number): number => {
    const call = rows[nr >>> 0];
    const slot = slots[nr >>> 0] ?? unknownHypercall.slot;
    if (nr !== VB_HC_HCA_COMMAND || !context.vmm.native) context.vmm.enter(slot);
    if (call === undefined) return hypercalls.some((row) => row.nr === nr) ? VB_EINVAL : VB_ENOSYS;
    try {
      return call(a0, a1, a2, a3);
    } catch (error) {
      if (error instanceof GuestFault) return VB_EFAULT;
      throw error;
    } finally {
      context.vmm.leave();
    }
  };
  if (!blocks) return enter;
  return (nr: number, a0: number, a1: number, a2: number, a3: number): number => {
    const resumed = context.suspension.arrive();
    if (resumed === undefined) return enter(nr, a0, a1, a2, a3);
    if (resumed.kind !== 'hypercall') throw new Error('the program went on in another call than it was suspended in');
    return enter(resumed.nr, ...resumed.args);
  };
}
