/** Serialises set-up commands of all threads: they share the tables' free entries. */
import type { AdapterMemory } from './adapter-memory.ts';

/** A command takes microseconds. Who holds the lock for this long was ended in the middle of it, and its domain will be reset. */
const STALE_MS = 2000;
const SLICE_MS = 1;

/** Runs `action` while no other thread runs a command. Throws what `action` throws. */
export function withCommandLock<T>(memory: AdapterMemory, thread: number, action: () => T): T {
  const { words, header } = memory;
  const at = header.wordOf('command_lock');
  let lastOwner = 0;
  let waited = 0;
  for (;;) {
    const owner = Atomics.compareExchange(words, at, 0, thread + 1);
    if (owner === 0) break;
    waited = owner === lastOwner ? waited + SLICE_MS : 0;
    lastOwner = owner;
    if (waited > STALE_MS && Atomics.compareExchange(words, at, owner, thread + 1) === owner) break;
    Atomics.wait(words, at, owner, SLICE_MS);
  }
  try {
    return action();
  } finally {
    releaseCommandLock(memory, thread);
  }
}

/** Releases the lock if `thread` holds it. */
export function releaseCommandLock(memory: AdapterMemory, thread: number): void {
  const at = memory.header.wordOf('command_lock');
  if (Atomics.compareExchange(memory.words, at, thread + 1, 0) === thread + 1) Atomics.notify(memory.words, at, 1);
}
