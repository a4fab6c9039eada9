/**
 * The memory of a guest as a checkpoint has it, region by region. `capture` is quick: it compares the memory with a copy of what the last checkpoint
 * had, and copies what has changed; the guest may go on then, and what was captured is encoded from the copy.
 *
 * A region is a list of chunks, to be applied in order: one with all of its pages, then one for each checkpoint in which a part of it had changed. So a
 * checkpoint names every chunk that it needs and depends on no other, and two that share a region share its chunks. A list that has become long
 * is begun anew.
 */
import { createHash } from 'node:crypto';
import { pageBytes } from './pages.ts';
import { applyRecords, encodeCluster, type Grow } from './records.ts';

/** Of guest memory, 128 pages: with the head of each page its chunk stays below 1 MiB, whatever is in it. */
export const regionBytes = 512 * 1024;
/** Of a region: a longer one is written as a whole again. */
export const longestList = 8;
const pagesInRegion = regionBytes / pageBytes;
const sliceBytes = 16 * 1024 * 1024;
const zeroPage = Buffer.alloc(pageBytes);

/** Digests of the chunks of each region, from address 0. */
export type RegionLists = readonly (readonly string[])[];

export interface Increment {
  readonly lists: RegionLists;
  /** Of the regions that have changed: their chunks are made when they are asked for. */
  readonly fresh: ReadonlyMap<string, () => Uint8Array>;
  readonly changedPages: number;
}

export class CapturedMemory {
  #copy = Buffer.alloc(0);
  /** Of each page: whether it differs from what the lists say. */
  #changed = new Uint8Array(0);
  #lists: RegionLists = [];

  /** Of pages that are not all zeroes. */
  usedBytes(): number {
    let pages = 0;
    for (let page = 0; page < this.#changed.length; page++) if (!this.#isZero(page)) pages++;
    return pages * pageBytes;
  }

  /** What the guest has now; nothing may write to it meanwhile. Others run in between. */
  async capture(memory: Uint8Array): Promise<void> {
    this.#grow(memory.length);
    const now = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
    for (let from = 0; from < now.length; from += sliceBytes) {
      const end = Math.min(now.length, from + sliceBytes);
      for (let at = from; at < end; at += pageBytes) {
        if (now.compare(this.#copy, at, at + pageBytes, at, at + pageBytes) === 0) continue;
        now.copy(this.#copy, at, at, at + pageBytes);
        this.#changed[at / pageBytes] = 1;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Nothing of it is known to be stored: the next increment is the whole memory. */
  forgetStored(): void {
    this.#lists = [];
    this.#changed.fill(1);
  }

  /** What is to be stored. */
  increment(): Increment {
    const fresh = new Map<string, () => Uint8Array>();
    const regions = Math.ceil(this.#copy.length / regionBytes);
    let changedPages = 0;
    const lists = Array.from({ length: regions }, (_, region) => {
      const before = this.#lists[region] ?? [];
      const pages = this.#pagesOf(region, (page) => this.#changed[page] === 1);
      if (pages.length === 0) return before;
      // Pages of a region that nobody has count when there is something in them.
      changedPages += before.length > 0 ? pages.length : pages.filter((page) => !this.#isZero(page)).length;
      const whole = before.length === 0 || before.length >= longestList;
      const encode = (): Uint8Array => this.#encode(whole ? this.#pagesOf(region, (page) => !this.#isZero(page)) : pages);
      const chunk = encode();
      if (chunk.length === 0) return [];
      const digest = `sha256:${createHash('sha256').update(chunk).digest('hex')}`;
      fresh.set(digest, encode);
      return whole ? [digest] : [...before, digest];
    });
    return { lists, fresh, changedPages };
  }

  /** The increment is stored: the next one begins there. */
  stored(lists: RegionLists): void {
    this.#lists = lists;
    this.#changed.fill(0);
  }

  #pagesOf(region: number, wanted: (page: number) => boolean): number[] {
    const first = region * pagesInRegion;
    const end = Math.min(first + pagesInRegion, this.#copy.length / pageBytes);
    const pages: number[] = [];
    for (let page = first; page < end; page++) if (wanted(page)) pages.push(page);
    return pages;
  }

  #isZero(page: number): boolean {
    return zeroPage.compare(this.#copy, page * pageBytes, (page + 1) * pageBytes) === 0;
  }

  /** Neighbouring pages are one record. */
  #encode(pages: readonly number[]): Uint8Array {
    const records: Uint8Array[] = [];
    for (let first = 0; first < pages.length;) {
      let end = first + 1;
      while (end < pages.length && pages[end] === (pages[end - 1] ?? 0) + 1) end++;
      const offset = (pages[first] ?? 0) * pageBytes;
      const content = this.#copy.subarray(offset, offset + (end - first) * pageBytes);
      records.push(...encodeCluster({ offset, content, before: content }, { delta: false, compression: 0 }));
      first = end;
    }
    return Buffer.concat(records);
  }

  #grow(bytes: number): void {
    if (bytes <= this.#copy.length) return;
    const [copy, changed] = [this.#copy, this.#changed];
    this.#copy = Buffer.alloc(bytes);
    copy.copy(this.#copy);
    this.#changed = new Uint8Array(bytes / pageBytes);
    this.#changed.set(changed);
  }
}

/**
 * Writes regions into a guest's memory.
 * @param fetch a chunk by its digest
 * @param limitBytes of the guest's memory
 * @throws BadStream when a chunk is none; and what `fetch` throws
 */
export async function restoreRegions(
  lists: RegionLists,
  fetch: (digest: string) => Promise<Uint8Array>,
  grow: Grow,
  limitBytes: number,
): Promise<void> {
  for (const list of lists) for (const digest of list) applyRecords(await fetch(digest), grow, limitBytes);
}
