/**
 * What a scheduler does with the log before it serves: it takes over what the one before held, and decides about what was lost meanwhile. All else
 * follows from the jobs' states when their runs go on.
 */
import type { RunPorts } from './run/ports.ts';

/** Gives each live job what it held: the cores of its VMs and of those that make room for it, and its partition. */
export function takeOver({ jobs, capacity, pkeys, vms }: Pick<RunPorts, 'jobs' | 'capacity' | 'pkeys' | 'vms'>): void {
  for (const { jobId, assignments, evicted, spec, match, pkey, grown, ends } of jobs.live()) {
    pkeys.hold(jobId, pkey);
    const memoryBytes = match?.memoryBytes ?? 0;
    // Those that it got while it ran it has given back where they have ended.
    const begun = grown[0]?.first ?? assignments.length;
    const held = assignments.filter(({ rank }) => rank < begun || !ends.has(rank));
    capacity.claim(held.map(({ vmId, nodeId }) => ({ vmId, jobId, nodeId, vcpus: spec.vcpusPerVm, memoryBytes })));
    for (const vmId of evicted) {
      const state = vms.get(vmId)?.state;
      if (state === undefined || state.status === 'none') continue;
      capacity.claim([{ vmId, jobId, nodeId: state.nodeId, vcpus: state.vcpus, memoryBytes: state.memoryBytes }]);
    }
  }
}
