/** Waiting for the next change of a migration or a checkpoint. */

export interface Changing {
  /** Calls the listener at each change, until what it returns is called. */
  onChange(listener: (id: string) => void): () => void;
}

/** Resolves with the next change, rejects when the signal aborts. */
export function changeOf(all: Changing, id: string, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const forget = all.onChange((changed) => {
    if (changed === id) resolve();
  });
  const aborted = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', aborted, { once: true });
  if (signal.aborted) aborted();
  const done = promise.finally(() => {
    forget();
    signal.removeEventListener('abort', aborted);
  });
  done.catch(() => undefined);
  return done;
}
