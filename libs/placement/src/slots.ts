/** One node's offer for the next VM of a job, while the job is being placed, and what taking it costs. */
import type { IdleVm, JobShape, PlacementNode } from './cluster.ts';

export interface CostModel {
  /** Seconds to boot a VM. */
  readonly bootSeconds: number;
  /** Seconds to start a transfer from one node to the next. */
  readonly transferLatencySeconds: number;
  readonly transferBytesPerSecond: number;
  /** Seconds that a fully occupied host is thought to cost a VM, for sharing its memory and caches. */
  readonly crowdSeconds: number;
}

export const defaultCostModel: CostModel = {
  bootSeconds: 0.05,
  transferLatencySeconds: 0.005,
  transferBytesPerSecond: 500e6,
  crowdSeconds: 0.04,
};

export interface Slot {
  readonly node: PlacementNode;
  readonly reuse: IdleVm | undefined;
  readonly evict: readonly IdleVm[];
  /** VMs of this job that are on the node already. */
  readonly placedHere: number;
  readonly freeCores: number;
  /** Receivers in the distribution tree so far, and whether this slot adds one. */
  readonly receivers: number;
  readonly addsReceiver: boolean;
  readonly shape: JobShape;
}

/** Seconds that distributing to so many receivers takes: a binomial tree's rounds (R31). */
export function distributionSeconds(receivers: number, bytes: number, model: CostModel): number {
  return Math.ceil(Math.log2(receivers + 1)) * (model.transferLatencySeconds + bytes / model.transferBytesPerSecond);
}

/** Seconds that this slot adds to the start of the job. */
export function cost(slot: Slot, model: CostModel): number {
  if (slot.reuse !== undefined) return 0;
  const { imageBytes } = slot.shape;
  const before = distributionSeconds(slot.receivers, imageBytes, model);
  const after = distributionSeconds(slot.receivers + (slot.addsReceiver ? 1 : 0), imageBytes, model);
  return model.bootSeconds + after - before;
}

export function crowding(slot: Slot, model: CostModel): number {
  return (model.crowdSeconds * slot.placedHere * slot.shape.vcpus) / slot.node.cores;
}

/** A node while a job is being placed on it. */
export class NodeLedger {
  readonly node: PlacementNode;
  #freeCores: number;
  #freeMemory: number;
  #placedHere = 0;
  #receives = false;
  readonly #reusable: IdleVm[];
  readonly #evictable: IdleVm[];

  constructor(node: PlacementNode, idle: readonly IdleVm[], shape: JobShape) {
    this.node = node;
    this.#freeCores = node.freeCores;
    this.#freeMemory = node.freeMemoryBytes;
    const here = idle.filter(({ nodeId }) => nodeId === node.id).sort((a, b) => a.idleSince - b.idleSince || (a.id < b.id ? -1 : 1));
    this.#reusable = here.filter((vm) => fits(vm, shape));
    this.#evictable = here.filter((vm) => !fits(vm, shape));
  }

  get receives(): boolean {
    return this.#receives;
  }

  /** What the node can offer for one more VM; undefined when it is full. */
  slot(shape: JobShape, receivers: number): Slot | undefined {
    const reuse = this.#reusable.at(-1);
    const evict = reuse === undefined ? this.#mustGo(shape) : [];
    if (evict === undefined) return undefined;
    const addsReceiver = reuse === undefined && !this.node.cached && !this.#receives;
    return { node: this.node, reuse, evict, placedHere: this.#placedHere, freeCores: this.#freeCores, receivers, addsReceiver, shape };
  }

  take(slot: Slot): void {
    this.#placedHere++;
    if (slot.reuse !== undefined) {
      this.#reusable.pop();
      return;
    }
    for (const vm of slot.evict) {
      this.#evictable.shift();
      this.#freeCores += vm.vcpus;
      this.#freeMemory += vm.memoryBytes;
    }
    this.#freeCores -= slot.shape.vcpus;
    this.#freeMemory -= slot.shape.memoryBytes;
    this.#receives ||= slot.addsReceiver;
  }

  /** The idle VMs, longest idle first, whose end makes room; undefined when even all of them do not. */
  #mustGo(shape: JobShape): readonly IdleVm[] | undefined {
    let cores = this.#freeCores;
    let memory = this.#freeMemory;
    const gone: IdleVm[] = [];
    for (const vm of this.#evictable) {
      if (cores >= shape.vcpus && memory >= shape.memoryBytes) break;
      gone.push(vm);
      cores += vm.vcpus;
      memory += vm.memoryBytes;
    }
    return cores >= shape.vcpus && memory >= shape.memoryBytes ? gone : undefined;
  }
}

function fits(vm: IdleVm, shape: JobShape): boolean {
  return (
    vm.imageDigest === shape.imageDigest && vm.tenant === shape.tenant && vm.memoryBytes === shape.memoryBytes && vm.vcpus === shape.vcpus
  );
}
