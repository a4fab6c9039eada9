/** The bytes of a guest's memory, which is always shared: the type of WebAssembly.Memory does not know it. A memory that grows shows another buffer. */
export const sharedBuffer = (memory: WebAssembly.Memory): SharedArrayBuffer => memory.buffer as unknown as SharedArrayBuffer;
