/** Which chunks are there, how large, and in which order they were used; who is pinned. Pure bookkeeping, in memory. */
export class ChunkIndex {
  /** Least recently used first. */
  readonly #sizes = new Map<string, number>();
  readonly #pins = new Map<string, number>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  has(digest: string): boolean {
    return this.#sizes.has(digest);
  }

  sizeOf(digest: string): number | undefined {
    return this.#sizes.get(digest);
  }

  digests(): string[] {
    return [...this.#sizes.keys()];
  }

  add(digest: string, size: number): void {
    this.remove(digest);
    this.#sizes.set(digest, size);
    this.#bytes += size;
  }

  remove(digest: string): void {
    this.#bytes -= this.#sizes.get(digest) ?? 0;
    this.#sizes.delete(digest);
  }

  touch(digest: string): void {
    const size = this.#sizes.get(digest);
    if (size === undefined) return;
    this.#sizes.delete(digest);
    this.#sizes.set(digest, size);
  }

  /** Keeps chunks, whether they are here yet or not, until the returned function is called. */
  pin(digests: Iterable<string>): () => void {
    const held = [...new Set(digests)];
    for (const digest of held) this.#pins.set(digest, (this.#pins.get(digest) ?? 0) + 1);
    return () => {
      for (const digest of held.splice(0)) {
        const left = (this.#pins.get(digest) ?? 1) - 1;
        if (left === 0) this.#pins.delete(digest);
        else this.#pins.set(digest, left);
      }
    };
  }

  isPinned(digest: string): boolean {
    return this.#pins.has(digest);
  }

  /** What to evict, oldest first, so that so many bytes become free; undefined when the pinned ones leave too little. */
  victims(bytes: number): string[] | undefined {
    const chosen: string[] = [];
    let free = 0;
    for (const [digest, size] of this.#sizes) {
      if (free >= bytes) break;
      if (this.#pins.has(digest)) continue;
      chosen.push(digest);
      free += size;
    }
    return free >= bytes ? chosen : undefined;
  }
}
