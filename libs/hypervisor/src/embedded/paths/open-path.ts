/**
 * How the guest on this thread reaches the adapter. Guests know one interface, a doorbell and a set-up command; what stands behind it is
 * the path. On `bypass`, `native` and `sriov` the doorbell is the firmware's own function, and no JavaScript runs.
 */
import { openAdapter } from '@verbena/hca';
import { openNullAdapter, type Adapter } from '../adapter-binding.ts';
import type { Vmm } from '../vmm.ts';
import type { RunOrder } from '../worker-protocol.ts';
import { openFrontend } from './frontend.ts';
import { trapped } from './trapped.ts';

export function openPath(order: Pick<RunOrder, 'adapter' | 'frontend' | 'ioPath'>, vmm: Vmm): Adapter {
  if (order.frontend !== undefined) return openFrontend(order.frontend, vmm);
  if (order.adapter === undefined) return openNullAdapter(() => countDoorbell(vmm));
  const adapter = openAdapter(order.adapter);
  switch (order.ioPath) {
    case 'bypass':
    case 'native':
    case 'sriov':
      return adapter;
    case 'vmm':
      return trapped(adapter, vmm);
    default:
      throw new Error(`the I/O path ${order.ioPath} is not there yet`);
  }
}

function countDoorbell({ control }: Vmm): void {
  control.add('vmmOperations', 1);
  control.add('dataPathVmmOperations', 1);
}
