/**
 * How the guest on this thread reaches the adapter. Guests know one interface, a doorbell and a set-up command; what stands behind it is
 * the path. On `bypass`, `native` and `sriov` the doorbell is the firmware's own function, and no JavaScript runs.
 */
import { openAdapter } from '@verbena/hca';
import { openNullAdapter, type PathAdapter } from '../adapter-binding.ts';
import type { Vmm } from '../vmm.ts';
import type { RunOrder } from '../worker-protocol.ts';
import { noChannels, openChannels, type ChannelCalls } from './channel.ts';
import { NetworkStack, type NetworkStart } from './ethernet/network-stack.ts';
import { openFrontend } from './frontend.ts';
import { trapped } from './trapped.ts';

type PathOrder = Pick<RunOrder, 'adapter' | 'frontend' | 'segment' | 'network' | 'ioPath'>;

/** The adapter, and the channels to neighbours for those who have them. */
export function openPath(order: PathOrder, vmm: Vmm): { readonly adapter: PathAdapter; readonly calls: ChannelCalls } {
  if (order.adapter !== undefined && order.segment !== undefined)
    return openChannels(order.adapter, order.segment, openAdapter(order.adapter));
  return { adapter: adapterOf(order, vmm), calls: noChannels };
}

/** The guest's own system works for it while it sleeps in the VMM. */
function stackOf(start: NetworkStart, vmm: Vmm): PathAdapter {
  const stack = new NetworkStack(start, vmm);
  vmm.beforeSleep = () => {
    stack.rest();
  };
  return {
    ...stack.adapter,
    close: () => {
      vmm.beforeSleep = () => undefined;
      stack.close();
    },
  };
}

function adapterOf(order: PathOrder, vmm: Vmm): PathAdapter {
  if (order.network !== undefined) return stackOf(order.network, vmm);
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
      throw new Error(`the path ${order.ioPath} does not lead to the adapter from this thread: this is a fault of the driver`);
  }
}

function countDoorbell({ control }: Vmm): void {
  control.add('vmmOperations', 1);
  control.add('dataPathVmmOperations', 1);
}
