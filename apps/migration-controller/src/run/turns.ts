/** Turns, one key at a time: whoever enters waits until all before it have left. */
export class Turns {
  readonly #tails = new Map<string, Promise<void>>();
  #given = 0;

  /** Turns that were given so far, whoever's. */
  get given(): number {
    return this.#given;
  }

  /** Resolves with the function that gives the turn back, which may be called again. @throws the signal's reason, and then waits no more */
  async enter(key: string, signal: AbortSignal): Promise<() => void> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = Promise.withResolvers<void>();
    const tail = before.then(() => mine.promise);
    this.#tails.set(key, tail);
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal.reason as Error);
    aborted.promise.catch(() => undefined);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      await Promise.race([before, aborted.promise]);
      this.#given++;
      return mine.resolve;
    } catch (error) {
      mine.resolve();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }
}
