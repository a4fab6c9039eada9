/**
 * How the guest on this thread reaches the adapter. Guests know one interface, a doorbell and a set-up command; what stands behind it is
 * the path. On `bypass`, `native` and `sriov` the doorbell is the firmware's own function, and no JavaScript runs.
 */
import { openAdapter } from '@verbena/hca';
import { openNullAdapter, type PathAdapter } from '../adapter-binding.ts';
import type { Vmm } from '../vmm.ts';
import type { RunOrder } from '../worker-protocol.ts';
import { noChannels, openChannels, type ChannelCalls } from './channel.ts';
import { openFrontend } from './frontend.ts';
import { trapped } from './trapped.ts';

type PathOrder = Pick<RunOrder, 'adapter' | 'frontend' | 'segment' | 'ioPath'>;

/** The adapter, and the channels to neighbours for those who have them. */
export function openPath(order: PathOrder, vmm: Vmm): { readonly adapter: PathAdapter; readonly calls: ChannelCalls } {
  if (order.adapter !== undefined && order.segment !== undefined)
    return openChannels(order.adapter, order.segment, openAdapter(order.adapter));
  return { adapter: adapterOf(order, vmm), calls: noChannels };
}

function adapterOf(order: PathOrder, vmm: Vmm): PathAdapter {
  if (order.frontend !== undefined) return openFrontend(order.frontend, vmm);
  if (order.adapter === undefined) return openNullAdapter(() => countDoorbell(vmm));
  const adapter = openAdapter(order.adapter);
  switch (order.ioPath) {
    case 'bypass':
    case 'native':
    case 'sriov':
    case 'ivc':
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
