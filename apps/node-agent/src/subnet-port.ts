/** The host's port of the subnet, as it is told to operators. */
import type { NodePort } from './node-port.ts';

/** P_Key tables up to their last entry that is one. */
function trimmed(pkeys: readonly number[]): number[] {
  return pkeys.slice(0, pkeys.findLastIndex((each) => each !== 0) + 1);
}

/** With the table of each VM that uses the adapter now, in the order of their names. */
export function subnetPort(port: NodePort) {
  const vms = [...(port.domains?.() ?? [])]
    .filter(({ pkeys }) => pkeys.some((each) => each !== 0))
    .sort((a, b) => (a.vmId < b.vmId ? -1 : 1));
  return {
    lid: port.lid,
    guid: `0x${port.guid.toString(16).padStart(16, '0')}`,
    enabled: port.enabled ?? false,
    endpoint: port.endpoint,
    vms: vms.map(({ vmId, pkeys }) => ({ vmId, pkeys: trimmed(pkeys) })),
    routes: [...(port.routes?.() ?? [])].sort((a, b) => a.lid - b.lid),
  };
}
