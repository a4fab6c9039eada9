import { createHash } from 'node:crypto';
import { chunkDigest, imageDigest } from '@verbena/ids';
import type { ChunkDigest, ImageDigest } from '@verbena/ids';

/** "sha256:" and 64 hexadecimal digits. */
export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The digest of an image is that of its canonical manifest, which in turn holds the content's. */
export const digestOfManifest = (manifestBytes: Uint8Array): ImageDigest => imageDigest(sha256(manifestBytes));

export const digestOfChunk = (chunk: Uint8Array): ChunkDigest => chunkDigest(sha256(chunk));
