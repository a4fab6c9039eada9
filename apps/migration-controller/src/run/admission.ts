/**
 * Limits on migrations at a time: of those that a node has a part in, as source or target, and of all. Whoever comes first goes first, but nobody waits
 * for a node that is not its own.
 */
export interface AdmissionLimits {
  readonly perNode: number;
  readonly inAll: number;
}

interface Waiting {
  readonly nodeIds: readonly string[];
  readonly admit: () => void;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #byNode = new Map<string, number>();
  #all = 0;
  #waiting: readonly Waiting[] = [];

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Why a migration between these nodes would have to wait now; undefined when it would not. */
  obstacle(nodeIds: readonly string[]): string | undefined {
    const { perNode, inAll } = this.#limits;
    if (this.#all >= inAll) return `${String(inAll)} migrations are under way, and no more go at a time`;
    const full = nodeIds.find((nodeId) => (this.#byNode.get(nodeId) ?? 0) >= perNode);
    return full === undefined ? undefined : `${full} has a part in ${String(perNode)} migrations, and no more go there at a time`;
  }

  /** Resolves with the function that gives the place back, which may be called again. @throws the signal's reason, and then waits no more */
  async enter(nodeIds: readonly string[], signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const admitted = Promise.withResolvers<void>();
    const waiting: Waiting = { nodeIds, admit: admitted.resolve };
    const abort = (): void => {
      if (!this.#waiting.includes(waiting)) return;
      this.#waiting = this.#waiting.filter((each) => each !== waiting);
      admitted.reject(signal.reason as Error);
    };
    this.#waiting = [...this.#waiting, waiting];
    this.#admit();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await admitted.promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#count(nodeIds, -1);
      this.#admit();
    };
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      if (this.obstacle(waiting.nodeIds) !== undefined) continue;
      this.#waiting = this.#waiting.filter((each) => each !== waiting);
      this.#count(waiting.nodeIds, 1);
      waiting.admit();
    }
  }

  #count(nodeIds: readonly string[], by: 1 | -1): void {
    this.#all += by;
    for (const nodeId of nodeIds) {
      const count = (this.#byNode.get(nodeId) ?? 0) + by;
      if (count === 0) this.#byNode.delete(nodeId);
      else this.#byNode.set(nodeId, count);
    }
  }
}
