/**
 * A stream that goes on for ever shows signs of life: an empty message after each interval in which nothing came, so that whoever reads can tell
 * silence from a dead connection, and every proxy on the way keeps it open. At each of them the caller is looked at anew.
 */
import type { Clock } from '@verbena/service-kit';

export interface Beat<T> {
  readonly clock: Clock;
  readonly everyMs: number;
  /** What is sent; it throws when the stream shall end. */
  beat(): Promise<T>;
}

export async function* withHeartbeat<T>(source: AsyncIterable<T>, { clock, everyMs, beat }: Beat<T>): AsyncIterable<T> {
  const iterator = source[Symbol.asyncIterator]();
  let open = true;
  try {
    let next = iterator.next();
    for (;;) {
      const rest = new AbortController();
      const silence = clock.sleep(everyMs, rest.signal).then(
        () => undefined,
        () => undefined,
      );
      const result = await Promise.race([next, silence]).finally(() => rest.abort());
      if (result === undefined) {
        yield await beat();
        continue;
      }
      if (result.done === true) {
        open = false;
        return;
      }
      yield result.value;
      next = iterator.next();
      // Awaited in the next round, if there is one: a reader may leave before.
      next.catch(() => undefined);
    }
  } finally {
    if (open) void iterator.return?.()?.catch(() => undefined);
  }
}
