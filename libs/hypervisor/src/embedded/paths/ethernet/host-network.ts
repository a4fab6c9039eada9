/** The path `ethernet` on the host's side: a guest's soft adapter, and its network card in the driver domain that has the bridge. */
import type { DomainAttachment, PortBinding } from '../../adapter-binding.ts';
import type { HostPath, HostPathOptions } from '../host-path.ts';
import { softLid } from './frame.ts';
import { NetworkPage, networkPageBytes } from './network-page.ts';
import { createSoftAdapter } from './soft-adapter.ts';

type NetworkOptions = HostPathOptions & { readonly port: PortBinding; readonly attachment: DomainAttachment };
type Network = Pick<HostPath, 'network' | 'transfer' | 'traffic' | 'sent' | 'driverDomainOperations' | 'servedByDriver' | 'close'>;

/** @throws Error when the host's LID leaves no room for guests */
export function openNetwork({ port, attachment, drivers, pkey, vmId, memory, control }: NetworkOptions): Network {
  const lid = softLid(port.lid, attachment.slot);
  const page = new SharedArrayBuffer(networkPageBytes);
  const counted = new NetworkPage(page);
  const driver = drivers.network();
  const soft = createSoftAdapter({ firmware: attachment.firmware, lid, guid: port.guid, pkey, guestMemory: memory, control, page });
  const card = driver.plug(port, { vmId, page, lid, pkey, guestMemory: memory, control });
  return {
    network: { page, driver: card.driver, lid, adapter: soft.adapter, wire: soft.wire, links: soft.links },
    transfer: [soft.adapter.port],
    traffic: () => soft.counters(),
    driverDomainOperations: () => card.operations(),
    sent: () => ({ frames: counted.counted('framesSent'), bytes: counted.counted('bytesSent') }),
    servedByDriver: () => driver.served === card.number,
    close: async () => {
      await card.close();
      soft.close();
    },
  };
}
