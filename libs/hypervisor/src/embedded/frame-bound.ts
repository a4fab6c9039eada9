/** How much of its memory a guest's unwound stack can take: the functions on the stack, and the locals that each of them has. */

/** Asyncify keeps an index of four bytes for each frame; the rest is a margin. */
const perFrame = 32;
/** Binaryen may have joined locals after Asyncify had decided which to save. */
const factor = 2;

/** The index of each of the guest's functions that is on this thread's stack, innermost first, as V8 writes them into a stack trace. */
export function framesOnStack(): number[] {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = Infinity;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = before;
  return [...stack.matchAll(/wasm-function\[(\d+)\]/g)].map(([, index]) => Number(index));
}

/** @param frameBytes bytes of locals by function index */
export function frameBound(frames: readonly number[], frameBytes: Int32Array): number {
  return frames.reduce((sum, index) => sum + factor * (frameBytes[index] ?? 0) + perFrame, 0);
}
