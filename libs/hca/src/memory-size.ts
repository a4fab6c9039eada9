const PAGE = 65_536;

/**
 * Bytes of a shared memory. A thread learns that another one has grown it when it next looks up from what it does, so that the length it sees may be an old one for a moment; growing by nothing
 * asks for that of now, but interrupts every thread which has the memory. So that is done only when the length seems less than what is wanted.
 */
export function memoryBytes(memory: WebAssembly.Memory, wanted: bigint | number): number {
  const seen = memory.buffer.byteLength;
  return seen >= wanted ? seen : memory.grow(0) * PAGE;
}
