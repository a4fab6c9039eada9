/** The path `vmm` (R1): the user access region is not mapped into the guest, so that every write to it traps. The VMM looks at it, and rings. */
import { VB_UAR_CQ_ARM_SOLICITED } from '@verbena/guest-abi';
import type { Adapter } from '../adapter-binding.ts';
import { doorbellCall } from '../hypercalls/table.ts';
import type { Vmm } from '../vmm.ts';

export function trapped(adapter: Adapter, vmm: Vmm): Adapter {
  const ring = adapter.uarWrite as (register: number, low: number, high: number) => void;
  return {
    command: adapter.command,
    uarWrite: (register: number, low: number, high: number): void => {
      vmm.enter(doorbellCall.slot);
      vmm.control.add('dataPathVmmOperations', 1);
      // A register that the user access region does not have is no doorbell: the write is lost, as it is on the bus.
      if (register >>> 0 <= VB_UAR_CQ_ARM_SOLICITED) ring(register, low, high);
      vmm.leave();
    },
  };
}
