/** Content-addressed chunks on disk, verified by digest, bounded by a quota. */
export { ChunkError, type ChunkProblem } from './chunk-error.ts';
export { digestOf, openChunkStore, type ChunkStore, type ChunkStoreOptions } from './chunk-store.ts';
export { durableWrite, syncDirectory } from './durable-write.ts';
