/** The newest value for a slow reader: what it did not get to see before the next came is skipped. */
export class Feed<T> implements AsyncIterable<T> {
  #value: { readonly it: T } | undefined;
  #ended = false;
  #wake = Promise.withResolvers<void>();

  put(it: T): void {
    this.#value = { it };
    this.#wake.resolve();
  }

  /** The reader still gets a value that is waiting. */
  end(): void {
    this.#ended = true;
    this.#wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
      const value = this.#value;
      this.#value = undefined;
      if (value !== undefined) yield value.it;
      if (this.#ended && this.#value === undefined) return;
    }
  }
}
