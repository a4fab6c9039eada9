import { describe, expect, it } from 'vitest';
import { memoryBytes } from './memory-size.ts';

/** A memory that another thread has grown, on a thread that has not noticed. */
function unnoticed(seenPages: number, pages: number) {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const old = new SharedArrayBuffer(seenPages * 65_536);
  let asked = 0;
  Object.defineProperties(memory, {
    buffer: { get: () => old },
    grow: { value: (more: number) => (asked++, WebAssembly.Memory.prototype.grow.call(memory, more)) },
  });
  return { memory, asked: () => asked };
}

describe('the length of a memory that other threads grow', () => {
  it('is that of now when what is seen seems too little', () => {
    const { memory, asked } = unnoticed(1, 3);
    expect(memoryBytes(memory, 65_536)).toBe(65_536);
    expect(asked()).toBe(0);
    expect(memoryBytes(memory, 65_537n)).toBe(3 * 65_536);
    expect(memoryBytes(memory, 2n ** 40n)).toBe(3 * 65_536);
  });
});
