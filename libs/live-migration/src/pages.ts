/**
 * Which pages of a guest's memory the receiver does not have, by comparison with a copy of what was sent. The first scan compares with zeroes, so a
 * page that was never written is not there at all. Neighbours are one transfer (page clustering: Huang, Gao, Liu, Panda, "High performance
 * virtual machine migration with RDMA over modern interconnects", Cluster 2007).
 *
 * The guest runs and writes while it is read. A page is copied first, and what is compared and sent is the copy: what the guest writes
 * after that differs from it, and is found by the next scan.
 */
export const pageBytes = 4096;

export interface Cluster {
  /** In guest memory, in bytes; a multiple of a page. */
  readonly offset: number;
  /** What to send, and what the receiver has of the same pages; aligned to 4 bytes. Valid until the next cluster is asked for. */
  readonly content: Uint8Array;
  readonly before: Uint8Array;
}

/** Where the copy of what was sent lies: gives at least so many bytes of it, zeroes where nothing was written. What was there before stays. */
export type KeepCopy = (bytes: number) => Buffer;

function inOwnMemory(): KeepCopy {
  let copy = Buffer.alloc(0);
  return (bytes) => {
    const larger = Buffer.alloc(bytes);
    copy.copy(larger);
    return (copy = larger);
  };
}

export class DirtyPages {
  readonly #clusterBytes: number;
  readonly #keep: KeepCopy;
  #copy: Buffer = Buffer.alloc(0);
  readonly #before: Buffer;

  /**
   * @param clusterBytes of the largest transfer; a page: no clustering
   * @param keep for whoever sends from the copy itself
   */
  constructor(clusterBytes = 256 * 1024, keep: KeepCopy = inOwnMemory()) {
    if (clusterBytes < pageBytes || clusterBytes % pageBytes !== 0)
      throw new RangeError(`a cluster of ${String(clusterBytes)} bytes: use a multiple of ${String(pageBytes)}`);
    this.#clusterBytes = clusterBytes;
    this.#keep = keep;
    this.#before = Buffer.alloc(clusterBytes);
  }

  /**
   * Every page that differs from what was sent before; with it, it counts as sent. Memory may have grown.
   * @param first of the bytes to look at, and `end` behind the last; multiples of a page. A large memory is looked at in parts, so that others run.
   */
  *scan(memory: Uint8Array, first = 0, end = memory.length): Generator<Cluster> {
    const now = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#grow(now.length);
    const copy = this.#copy;
    let from = -1;
    for (let at = first; at <= end; at += pageBytes) {
      const full = from >= 0 && at - from >= this.#clusterBytes;
      const dirty = at < end && now.compare(copy, at, at + pageBytes, at, at + pageBytes) !== 0;
      if (from >= 0 && (!dirty || full)) {
        yield this.#cluster(from, at);
        from = -1;
      }
      if (!dirty) continue;
      if (from < 0) from = at;
      copy.copy(this.#before, at - from, at, at + pageBytes);
      now.copy(copy, at, at, at + pageBytes);
    }
  }

  /** How many pages a scan would find. */
  count(memory: Uint8Array): number {
    const now = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#grow(now.length);
    let found = 0;
    for (let at = 0; at < now.length; at += pageBytes) if (now.compare(this.#copy, at, at + pageBytes, at, at + pageBytes) !== 0) found++;
    return found;
  }

  #cluster(from: number, to: number): Cluster {
    return { offset: from, content: this.#copy.subarray(from, to), before: this.#before.subarray(0, to - from) };
  }

  #grow(bytes: number): void {
    if (bytes % pageBytes !== 0) throw new RangeError(`memory of ${String(bytes)} bytes has no whole number of pages`);
    if (bytes <= this.#copy.length) return;
    this.#copy = this.#keep(bytes);
  }
}
