/**
 * Who holds which core. Two sources: the VMs that the log shows alive, and the claims of jobs that are placed, whose new VMs may not be in the
 * log yet. A VM counts once, whichever source knows it.
 */
import { isLive } from '@verbena/domain-vm';
import type { ClusterView, IdleVm, PlacementNode } from '@verbena/placement';
import type { Nodes } from '../nodes/nodes.ts';
import type { VmMap } from '../vms/vm-map.ts';

export interface Claim {
  readonly vmId: string;
  readonly jobId: string;
  readonly nodeId: string;
  readonly vcpus: number;
  readonly memoryBytes: number;
}

export interface NodeUse {
  readonly cores: number;
  readonly memoryBytes: number;
  readonly vms: number;
  /** Of those, the ones that nobody has claimed. */
  readonly idle: number;
}

const nothing: NodeUse = { cores: 0, memoryBytes: 0, vms: 0, idle: 0 };

export class Capacity {
  readonly #nodes: Nodes;
  readonly #vms: VmMap;
  readonly #claims = new Map<string, Claim>();

  constructor(nodes: Nodes, vms: VmMap) {
    this.#nodes = nodes;
    this.#vms = vms;
  }

  claim(claims: readonly Claim[]): void {
    for (const claim of claims) this.#claims.set(claim.vmId, claim);
  }

  /** Gives back everything that a job holds; its VMs are then what the log says. */
  release(jobId: string): void {
    for (const claim of [...this.#claims.values()]) if (claim.jobId === jobId) this.#claims.delete(claim.vmId);
  }

  /** Gives back one VM that a job holds. */
  releaseVm(vmId: string, jobId: string): void {
    if (this.claimedBy(vmId) === jobId) this.#claims.delete(vmId);
  }

  claimed(vmId: string): boolean {
    return this.#claims.has(vmId);
  }

  claimedBy(vmId: string): string | undefined {
    return this.#claims.get(vmId)?.jobId;
  }

  useOf(nodeId: string): NodeUse {
    return this.#use().get(nodeId) ?? nothing;
  }

  /** Whether anything could be placed at all: a core is free, or held by an idle VM. */
  hasRoom(): boolean {
    const use = this.#use();
    return this.#nodes.ids().some((id) => {
      const held = use.get(id) ?? nothing;
      return this.#nodes.presence(id)?.phase === 'here' && (held.idle > 0 || held.cores < (this.#nodes.known(id)?.node.cores ?? 0));
    });
  }

  /** What each job holds of the cores and the memory that count as used. */
  held(): ReadonlyMap<string, readonly Claim[]> {
    const counted = [...this.#claims.values()].filter(({ vmId }) => {
      const vm = this.#vms.get(vmId);
      return vm === undefined || isLive(vm.state);
    });
    return Map.groupBy(counted, ({ jobId }) => jobId);
  }

  idleVms(): readonly IdleVm[] {
    return this.#vms.live().flatMap(({ id, state, since }) => {
      if (state.status !== 'idle' || this.claimed(id)) return [];
      const { nodeId, imageDigest, tenant, memoryBytes, vcpus } = state;
      return [{ id, nodeId, imageDigest, tenant, memoryBytes, vcpus, idleSince: since }];
    });
  }

  /** The cluster for the placement of a job with this image: every node that is not lost. */
  view(imageDigest: string): ClusterView {
    const use = this.#use();
    const nodes = this.#nodes.ids().flatMap((id): PlacementNode[] => {
      const state = this.#nodes.known(id);
      if (state === undefined || state.status === 'lost') return [];
      const presence = this.#nodes.presence(id);
      const { cores, memoryBytes, name } = state.node;
      const held = use.get(id) ?? nothing;
      const away = presence?.phase === 'here' ? undefined : presence?.phase === 'silent' ? 'not answering' : 'not back yet';
      return [
        {
          id,
          name,
          cores,
          memoryBytes,
          freeCores: cores - held.cores,
          freeMemoryBytes: memoryBytes - held.memoryBytes,
          closed: away ?? (state.drained === undefined ? undefined : `drained (${state.drained})`),
          cached: presence?.cachedImages.has(imageDigest) ?? false,
        },
      ];
    });
    return { nodes, idle: this.idleVms() };
  }

  #use(): Map<string, NodeUse> {
    const use = new Map<string, NodeUse>();
    const add = (nodeId: string, vcpus: number, memoryBytes: number, idle: boolean): void => {
      const before = use.get(nodeId) ?? nothing;
      use.set(nodeId, {
        cores: before.cores + vcpus,
        memoryBytes: before.memoryBytes + memoryBytes,
        vms: before.vms + 1,
        idle: before.idle + (idle ? 1 : 0),
      });
    };
    for (const { id, state } of this.#vms.live())
      add(state.nodeId, state.vcpus, state.memoryBytes, state.status === 'idle' && !this.claimed(id));
    for (const { vmId, nodeId, vcpus, memoryBytes } of this.#claims.values()) {
      if (this.#vms.get(vmId) === undefined) add(nodeId, vcpus, memoryBytes, false);
    }
    return use;
  }
}
