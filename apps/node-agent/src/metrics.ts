/** What an operator asks of a node: its VMs, its image cache, and what its adapter has moved. */
import { metric, type Metrics } from '@verbena/service-kit';
import type { ImageCache } from './images/image-cache.ts';
import type { NodePort } from './node-port.ts';
import type { VmTable } from './vms/vm-table.ts';

export interface NodeFacts {
  readonly nodeId: string;
  readonly vms: VmTable;
  readonly images: ImageCache;
  readonly port: NodePort;
}

const phases = ['booting', 'idle', 'busy', 'gone'] as const;
/** Data counters of a port are in units of 4 bytes (InfiniBand, volume 1, section 16.1.3.5). */
const dataUnit = 4;

/** Tells of the node until the returned function is called. */
export function observeNode(metrics: Metrics, { nodeId: node, vms, images, port }: NodeFacts): () => void {
  const moved = (sent: 'PortXmitData' | 'PortXmitPkts', received: 'PortRcvData' | 'PortRcvPkts', unit: number) => () => {
    const counters = port.counters?.();
    if (counters === undefined) return [];
    return [
      [{ node, direction: 'sent' }, Number(counters[sent]) * unit],
      [{ node, direction: 'received' }, Number(counters[received]) * unit],
    ] as const;
  };
  const ends = [
    metrics.observe(metric.nodeVms, () =>
      phases.map((phase) => [{ node, phase }, vms.list().filter((vm) => vm.phase === phase).length] as const),
    ),
    metrics.observe(metric.ranksRunning, () => [[{ node }, vms.list().filter(({ phase }) => phase === 'busy').length]]),
    metrics.observe(metric.imageCacheBytes, () => [[{ node }, images.bytes()]]),
    metrics.observe(metric.imageCacheImages, () => [[{ node }, images.list().length]]),
    metrics.observe(metric.adapterBytes, moved('PortXmitData', 'PortRcvData', dataUnit)),
    metrics.observe(metric.adapterMessages, moved('PortXmitPkts', 'PortRcvPkts', 1)),
    metrics.observe(metric.portCounters, () =>
      Object.entries(port.counters?.() ?? {}).map(([counter, value]) => [{ node, counter }, Number(value)] as const),
    ),
    metrics.observe(metric.adapterErrors, () => {
      const counters = port.counters?.();
      return counters === undefined ? [] : [[{ node, kind: 'receive' }, Number(counters.PortRcvErrors)]];
    }),
  ];
  return () => ends.forEach((end) => end());
}
