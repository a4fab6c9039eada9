export type { ImageManifest } from './manifest.ts';
export type { GuestImage, ImageParts } from './image.ts';
export { buildImage, verifyContent } from './image.ts';
export { canonicalManifest, parseManifest } from './canonical.ts';
export { digestOfChunk, digestOfManifest, sha256 } from './digest.ts';
export { ImageFormatError } from './errors.ts';
export { looksLikeImageFile, readImageFile, writeImageFile } from './container.ts';
export type { Chunk } from './chunking.ts';
export { assemble, chunk, CHUNK_AVERAGE_BYTES, CHUNK_MAX_BYTES, CHUNK_MIN_BYTES } from './chunking.ts';
