/** Where the VMs of more ranks of a running job can be. */
import type { Assignment, KnownJob } from '@verbena/domain-job';
import { place, type ClusterView } from '@verbena/placement';
import type { Claim } from '../queue/capacity.ts';
import type { RunPorts } from './ports.ts';

export interface MoreVms {
  /** Digest of the image. */
  readonly image: string;
  readonly count: number;
  /** Name of the node; empty: any. */
  readonly host: string;
}

type Ports = Pick<RunPorts, 'capacity' | 'nodes'>;

export function claimOf(jobId: string, vmId: string, nodeId: string, { spec, match }: KnownJob): Claim {
  return { vmId, jobId, nodeId, vcpus: spec.vcpusPerVm, memoryBytes: match?.memoryBytes ?? 0 };
}

function placed({ capacity }: Ports, job: KnownJob, { image, count, host }: MoreVms) {
  const { spec, match, tenant, jobId, assignments } = job;
  const view = capacity.view(image);
  const cluster: ClusterView = host === '' ? view : { ...view, nodes: view.nodes.filter(({ id, name }) => host === name || host === id) };
  const imageBytes = match?.imageBytes ?? 0;
  const shape = { vms: count, vcpus: spec.vcpusPerVm, memoryBytes: match?.memoryBytes ?? 0, imageDigest: image, imageBytes, tenant };
  const result = place(shape, cluster, { policy: 'cost', seed: `${jobId}/${assignments.length}` });
  return result.kind === 'placed' ? result : undefined;
}

/** How many VMs there is room for, up to those that are wanted. A single command's wish for a node counts; those of several show when they are placed. */
export function roomFor(ports: Ports, job: KnownJob, wanted: readonly MoreVms[]): number {
  const [first] = wanted;
  if (first === undefined) return 0;
  const host = wanted.length === 1 ? first.host : '';
  const cores = ports.capacity.view(first.image).nodes.reduce((sum, node) => sum + node.cores, 0);
  let [low, high] = [
    0,
    Math.min(
      cores,
      wanted.reduce((sum, { count }) => sum + count, 0),
    ),
  ];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (placed(ports, job, { image: first.image, count: middle, host }) === undefined) high = middle - 1;
    else low = middle;
  }
  return low;
}

/** Claims the VMs under a name, numbered on from the job's ranks; undefined when they do not fit after all, and some are claimed. */
export function placeMore(
  ports: Ports,
  job: KnownJob,
  wanted: readonly MoreVms[],
  claimant: string,
  newVm: () => string,
): readonly Assignment[] | undefined {
  const { capacity, nodes } = ports;
  const assignments: Assignment[] = [];
  for (const more of wanted) {
    if (more.count === 0) continue;
    const result = placed(ports, job, more);
    if (result === undefined) return undefined;
    for (const { nodeId, reuse } of result.vms) {
      const vmId = reuse ?? newVm();
      const rank = job.assignments.length + assignments.length;
      const nodeEpoch = nodes.known(nodeId)?.epoch ?? 0;
      assignments.push({ rank, vmId, nodeId, nodeName: nodes.nameOf(nodeId), nodeEpoch, reused: reuse !== undefined });
      capacity.claim([claimOf(claimant, vmId, nodeId, job)]);
    }
    capacity.claim(result.evict.map(({ id, nodeId, vcpus, memoryBytes }) => ({ vmId: id, jobId: claimant, nodeId, vcpus, memoryBytes })));
  }
  return assignments;
}
