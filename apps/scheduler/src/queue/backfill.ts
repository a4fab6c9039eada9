/**
 * Backfilling by the rule of EASY (Lifka, "The ANL/IBM SP Scheduling System", 1995): the first job of the queue has a reservation at the earliest
 * time at which enough of the jobs that run must have ended, by their walltimes. A later job may go before it when it is over by then, or takes
 * nothing that the first needs at that time.
 */
import type { ClusterView, IdleVm, JobShape, PlacementNode, PlacementResult } from '@verbena/placement';

type Placed = Extract<PlacementResult, { kind: 'placed' }>;
type Place = (view: ClusterView) => PlacementResult;

/** Something that holds cores until a time, in milliseconds since 1970. */
export interface Occupant {
  readonly endsAt: number;
  readonly vms: readonly { readonly nodeId: string; readonly vcpus: number; readonly memoryBytes: number }[];
}

export class Reservation {
  /** When the first job can start at the latest; Infinity when that depends on nodes that take no work at the moment, and on no job. */
  readonly at: number;
  readonly #placeFirst: Place;
  /** The cluster as it will be then. */
  #then: ClusterView;

  private constructor(at: number, then: ClusterView, placeFirst: Place) {
    this.at = at;
    this.#then = then;
    this.#placeFirst = placeFirst;
  }

  /** @param placeFirst places the first job, which cannot be placed in the present view */
  static of(now: ClusterView, occupants: readonly Occupant[], placeFirst: Place): Reservation {
    let view = now;
    for (const { endsAt, vms } of [...occupants].sort((a, b) => a.endsAt - b.endsAt)) {
      view = withFree(view, vms);
      if (placeFirst(view).kind === 'placed') return new Reservation(endsAt, view, placeFirst);
    }
    return new Reservation(Infinity, view, placeFirst);
  }

  /** Whether a job may start now that would be placed so, and is over at a time; then it counts from here on. */
  admits(shape: JobShape, placed: Placed, endsAt: number): boolean {
    if (endsAt <= this.at) return true;
    const then = occupied(this.#then, shape, placed);
    if (this.#placeFirst(then).kind !== 'placed') return false;
    this.#then = then;
    return true;
  }
}

function withFree(view: ClusterView, vms: Occupant['vms']): ClusterView {
  return changed(view, view.idle, (node) => {
    const here = vms.filter(({ nodeId }) => nodeId === node.id);
    return { cores: sum(here.map(({ vcpus }) => vcpus)), memoryBytes: sum(here.map(({ memoryBytes }) => memoryBytes)) };
  });
}

function occupied(view: ClusterView, shape: JobShape, { vms, evict }: Placed): ClusterView {
  const gone = new Set([...vms.flatMap(({ reuse }) => reuse ?? []), ...evict.map(({ id }) => id)]);
  return changed(
    view,
    view.idle.filter(({ id }) => !gone.has(id)),
    (node) => {
      const boots = vms.filter(({ nodeId, reuse }) => nodeId === node.id && reuse === undefined).length;
      const evicted = evict.filter(({ nodeId }) => nodeId === node.id);
      return {
        cores: sum(evicted.map(({ vcpus }) => vcpus)) - boots * shape.vcpus,
        memoryBytes: sum(evicted.map(({ memoryBytes }) => memoryBytes)) - boots * shape.memoryBytes,
      };
    },
  );
}

function changed(
  view: ClusterView,
  idle: readonly IdleVm[],
  free: (node: PlacementNode) => { cores: number; memoryBytes: number },
): ClusterView {
  const nodes = view.nodes.map((node) => {
    const { cores, memoryBytes } = free(node);
    return { ...node, freeCores: node.freeCores + cores, freeMemoryBytes: node.freeMemoryBytes + memoryBytes };
  });
  return { nodes, idle };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
