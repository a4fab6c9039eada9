import type { GuestMemory } from '../guest-memory.ts';
import { WasiError } from './errno.ts';

const vectorLimit = 1024;

/** The buffers of a scatter/gather list in guest memory; all are checked before the first is used. */
export function ioVectors(memory: GuestMemory, address: number, count: number): Uint8Array[] {
  const vectors = count >>> 0;
  if (vectors > vectorLimit) throw new WasiError('inval');
  const windows: Uint8Array[] = [];
  for (let i = 0; i < vectors; i++) {
    const at = (address >>> 0) + 8 * i;
    windows.push(memory.window(memory.u32(at), memory.u32(at + 4)));
  }
  return windows;
}

/** Moves buffers through `transfer` until one is cut short. An error after the first bytes ends the transfer, as POSIX has it. */
export function transferAll(windows: readonly Uint8Array[], transfer: (window: Uint8Array, done: number) => number): number {
  let done = 0;
  for (const window of windows) {
    if (window.length === 0) continue;
    let moved: number;
    try {
      moved = transfer(window, done);
    } catch (error) {
      if (done > 0 && error instanceof WasiError) return done;
      throw error;
    }
    done += moved;
    if (moved < window.length) break;
  }
  return done;
}

const gatherLimit = 64 * 1024;

/** Small scattered buffers as one, so that a line and its end are written together. */
export function gathered(windows: readonly Uint8Array[]): readonly Uint8Array[] {
  const total = windows.reduce((sum, { length }) => sum + length, 0);
  if (windows.length < 2 || total > gatherLimit) return windows;
  const all = new Uint8Array(total);
  let at = 0;
  for (const window of windows) {
    all.set(window, at);
    at += window.length;
  }
  return [all];
}
