/**
 * Which pages of a guest's memory the receiver does not have, by comparison with a copy of what was sent. A page that was never sent is compared with
 * zeroes, so one that was never written is not there at all, and has no copy. Neighbours are one transfer (page clustering: Huang, Gao, Liu,
 * Panda, "High performance virtual machine migration with RDMA over modern interconnects", Cluster 2007).
 *
 * The guest runs and writes while it is read. A page is copied first, and what is compared and sent is the copy: what the guest writes
 * after that differs from it, and is found by the next scan.
 */
export const pageBytes = 4096;

/** Compared at once: most of a memory has not changed, and one long comparison costs a third less than many short ones. */
const blockPages = 16;
const blockBytes = blockPages * pageBytes;
const zeroes = Buffer.alloc(blockBytes);

export interface Cluster {
  /** In guest memory, in bytes; a multiple of a page. */
  readonly offset: number;
  /** What to send; aligned to 4 bytes. It stays as it is until the same pages are scanned again. */
  readonly content: Uint8Array;
  /** What the receiver has of the same pages, until the next cluster is asked for; absent when it has none of them. */
  readonly before?: Uint8Array;
}

/** Where the copy of what was sent lies: gives at least so many bytes of it. What was there before stays; what else is in it does not matter. */
export type KeepCopy = (bytes: number) => Buffer;

function inOwnMemory(): KeepCopy {
  let copy = Buffer.alloc(0);
  return (bytes) => {
    const larger = Buffer.alloc(bytes);
    copy.copy(larger);
    return (copy = larger);
  };
}

/** Neighbouring pages that differ, all of them sent before, or none. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly sent: boolean;
}

export class DirtyPages {
  readonly #clusterBytes: number;
  readonly #keep: KeepCopy;
  #copy: Buffer = Buffer.alloc(0);
  /** Of each page: 1 when the copy has it. */
  #sent = new Uint8Array(0);
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
    const now = this.#looking(memory);
    for (const { from, to, sent } of this.#runs(now, first, end))
      for (let at = from; at < to; at += this.#clusterBytes) yield this.#cluster(now, at, Math.min(to, at + this.#clusterBytes), sent);
  }

  /** How many pages a scan would find. */
  count(memory: Uint8Array): number {
    const now = this.#looking(memory);
    let found = 0;
    for (const { from, to } of this.#runs(now, 0, now.length)) found += (to - from) / pageBytes;
    return found;
  }

  *#runs(now: Buffer, first: number, end: number): Generator<Run> {
    let from = -1;
    let sent = false;
    for (let block = first; block < end; block += blockBytes) {
      const blockEnd = Math.min(block + blockBytes, end);
      const clean = this.#isClean(now, block, blockEnd);
      for (let at = block; at < blockEnd; at += clean ? blockBytes : pageBytes) {
        const has = this.#sent[at / pageBytes] === 1;
        const dirty = !clean && !this.#same(now, at, at + pageBytes, has);
        if (from >= 0 && (!dirty || has !== sent)) {
          yield { from, to: at, sent };
          from = -1;
        }
        if (!dirty || from >= 0) continue;
        from = at;
        sent = has;
      }
    }
    if (from >= 0) yield { from, to: end, sent };
  }

  /** Whether nothing in these pages differs, by one look; false also when it would take several. */
  #isClean(now: Buffer, from: number, to: number): boolean {
    const pages = this.#sent.subarray(from / pageBytes, to / pageBytes);
    const sent = pages[0] === 1;
    return !pages.includes(sent ? 0 : 1) && this.#same(now, from, to, sent);
  }

  #same(now: Buffer, from: number, to: number, sent: boolean): boolean {
    return (sent ? now.compare(this.#copy, from, to, from, to) : now.compare(zeroes, 0, to - from, from, to)) === 0;
  }

  #cluster(now: Buffer, from: number, to: number, sent: boolean): Cluster {
    const copy = this.#copy;
    if (sent) copy.copy(this.#before, 0, from, to);
    now.copy(copy, from, from, to);
    this.#sent.fill(1, from / pageBytes, to / pageBytes);
    return { offset: from, content: copy.subarray(from, to), ...(sent && { before: this.#before.subarray(0, to - from) }) };
  }

  #looking(memory: Uint8Array): Buffer {
    const bytes = memory.byteLength;
    if (bytes % pageBytes !== 0) throw new RangeError(`memory of ${String(bytes)} bytes has no whole number of pages`);
    if (bytes > this.#copy.length) {
      this.#copy = this.#keep(bytes);
      const sent = new Uint8Array(bytes / pageBytes);
      sent.set(this.#sent);
      this.#sent = sent;
    }
    return Buffer.from(memory.buffer, memory.byteOffset, bytes);
  }
}
