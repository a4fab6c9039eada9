/** What the host's adapter has counted, as it is told to operators. */
import type { PortCounters } from '@verbena/fabric';
import type { NodePort } from './node-port.ts';

const onWire = (counters: PortCounters) => ({
  portXmitData: counters.PortXmitData,
  portRcvData: counters.PortRcvData,
  portXmitPkts: counters.PortXmitPkts,
  portRcvPkts: counters.PortRcvPkts,
  portRcvErrors: counters.PortRcvErrors,
  portXmitWait: counters.PortXmitWait,
  portXmitDiscards: counters.PortXmitDiscards,
});

/** Of the port, and of each VM that has a place at the adapter now. A host without an adapter has neither. */
export function adapterCounters(port: NodePort) {
  const counters = port.counters?.();
  const vms = [...(port.domains?.() ?? [])].sort((a, b) => (a.vmId < b.vmId ? -1 : 1));
  return {
    lid: port.lid,
    portGuid: `0x${port.guid.toString(16).padStart(16, '0')}`,
    ...(counters !== undefined && { port: onWire(counters) }),
    vms: vms.map(({ vmId, virtualFunction, counters: own }) => ({
      vmId,
      ...(virtualFunction !== undefined && { virtualFunction }),
      counters: onWire(own),
    })),
  };
}
