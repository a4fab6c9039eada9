/** What placement is given and gives back. Plain values: whoever calls has folded them from the log. */

export interface PlacementNode {
  readonly id: string;
  readonly name: string;
  readonly cores: number;
  /** Bytes for VMs. */
  readonly memoryBytes: number;
  /** Cores and memory that no VM holds; what idle VMs hold is not free. */
  readonly freeCores: number;
  readonly freeMemoryBytes: number;
  /** Why it takes no new work now ("drained: ..."); undefined when it does. */
  readonly closed: string | undefined;
  /** The job's image is in its cache. */
  readonly cached: boolean;
}

export interface IdleVm {
  readonly id: string;
  readonly nodeId: string;
  readonly imageDigest: string;
  readonly tenant: string;
  readonly memoryBytes: number;
  readonly vcpus: number;
  /** Milliseconds since 1970: the longest idle go first. */
  readonly idleSince: number;
}

export interface JobShape {
  readonly vms: number;
  readonly vcpus: number;
  readonly memoryBytes: number;
  readonly imageDigest: string;
  readonly imageBytes: number;
  readonly tenant: string;
}

export interface ClusterView {
  readonly nodes: readonly PlacementNode[];
  readonly idle: readonly IdleVm[];
}

/** One VM of the job, in the order of its ranks. */
export interface PlacedVm {
  readonly nodeId: string;
  /** The idle VM that is taken over; undefined for one that has to boot. */
  readonly reuse: string | undefined;
}

export type PlacementResult =
  | {
      readonly kind: 'placed';
      readonly vms: readonly PlacedVm[];
      /** Idle VMs that must be destroyed first. */
      readonly evict: readonly IdleVm[];
      /** Seconds that distribution and boot are expected to take, and the crowding that was accepted, in one number. */
      readonly cost: number;
    }
  | { readonly kind: 'wait'; readonly reason: string }
  /** No change of load can ever make room. */
  | { readonly kind: 'never'; readonly reason: string };
