/**
 * Which pages of a guest's memory the target does not have yet, found by comparison with what was sent last (pre-copy in rounds: Clark et al., "Live
 * Migration of Virtual Machines", NSDI 2005, section 4). The first round compares with zeroes, so a page that was never written costs nothing.
 * Neighbouring pages travel together (page clustering: Huang et al., Cluster 2007, section 4.3).
 *
 * A page is copied before it is sent: what the guest writes meanwhile differs from the copy, and goes with the next round.
 */
const pageBytes = 4096;
/** Of one transfer. */
const clusterBytes = 256 * 1024;
/** Compared without a pause for others. */
const sliceBytes = 4 * 1024 * 1024;

export interface Sent {
  readonly pages: number;
  readonly bytes: number;
}

export class PageSender {
  #copy = Buffer.alloc(0);

  /**
   * Sends every page that differs from what was sent before. `send` is awaited, so a slow receiver slows this down.
   * @returns how much that was
   */
  async round(
    memory: Uint8Array<SharedArrayBuffer>,
    send: (offset: number, content: Uint8Array) => Promise<void>,
    signal: AbortSignal,
  ): Promise<Sent> {
    const now = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#grow(now.length);
    let pages = 0;
    let bytes = 0;
    let from = -1;
    const flush = async (to: number): Promise<void> => {
      if (from < 0) return;
      const content = this.#copy.subarray(from, to);
      bytes += content.length;
      pages += Math.ceil(content.length / pageBytes);
      const at = from;
      from = -1;
      await send(at, content);
    };
    for (let at = 0; at < now.length; at += pageBytes) {
      if (at % sliceBytes === 0 && at > 0) await turn(signal);
      const end = Math.min(at + pageBytes, now.length);
      if (now.compare(this.#copy, at, end, at, end) === 0) await flush(at);
      else {
        now.copy(this.#copy, at, at, end);
        if (from < 0) from = at;
        if (end - from >= clusterBytes) await flush(end);
      }
    }
    await flush(now.length);
    return { pages, bytes };
  }

  /** How many pages differ from what was sent. */
  left(memory: Uint8Array<SharedArrayBuffer>): number {
    const now = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
    let left = Math.max(0, Math.ceil((now.length - this.#copy.length) / pageBytes));
    const both = Math.min(now.length, this.#copy.length);
    for (let at = 0; at < both; at += pageBytes) {
      const end = Math.min(at + pageBytes, both);
      if (now.compare(this.#copy, at, end, at, end) !== 0) left++;
    }
    return left;
  }

  #grow(bytes: number): void {
    if (bytes <= this.#copy.length) return;
    const larger = Buffer.alloc(bytes);
    this.#copy.copy(larger);
    this.#copy = larger;
  }
}

/** Lets others of this thread run. */
async function turn(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}

/** Whether another round of pre-copy is worth it. */
export interface Convergence {
  /** Milliseconds for which the guest may stand. */
  readonly downtimeMs: number;
  readonly mostRounds: number;
}

/**
 * Ends when the rest is thought to fit the downtime at the rate of the last round, when rounds no longer become smaller, or when there were enough: a
 * program that writes faster than the link carries is suspended with what is left.
 */
export function isConverged(
  round: number,
  sent: Sent & { readonly ms: number },
  left: number,
  { downtimeMs, mostRounds }: Convergence,
): boolean {
  if (left === 0 || round >= mostRounds) return true;
  const bytesPerMs = sent.bytes / Math.max(1, sent.ms);
  if (left * pageBytes <= bytesPerMs * downtimeMs) return true;
  return round > 1 && left >= sent.pages;
}
