/**
 * Content-defined chunking with a gear hash and normalized chunk sizes (Xia et al., "FastCDC", USENIX ATC 2016). A cut depends on the
 * 32 bytes before it alone, so an edit changes the chunks around it and no others (R33): only those travel.
 */
import type { ChunkDigest } from '@verbena/ids';
import { CONTENT_MAX_BYTES } from './canonical.ts';
import { digestOfChunk } from './digest.ts';
import { ImageFormatError } from './errors.ts';
import { verifyContent } from './image.ts';
import type { ImageManifest } from './manifest.ts';

export const CHUNK_MIN_BYTES = 16 * 1024;
export const CHUNK_AVERAGE_BYTES = 64 * 1024;
export const CHUNK_MAX_BYTES = 256 * 1024;

/** The 16 bits that an average of 64 KiB asks for, two more before the average is reached and two less behind it. */
const MASK_BEFORE_AVERAGE = 0xffffc000;
const MASK_BEHIND_AVERAGE = 0xfffc0000;

export interface Chunk {
  readonly digest: ChunkDigest;
  readonly offset: number;
  readonly size: number;
}

/** 256 words of a fixed xorshift generator. They are part of the format: other words would cut elsewhere and share nothing. */
const GEAR = gearTable();

function gearTable(): Uint32Array {
  let state = 0x9e3779b9;
  return Uint32Array.from({ length: 256 }, () => {
    for (let round = 0; round < 4; round++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
    }
    return state >>> 0;
  });
}

/** Cuts bytes into chunks: 16 KiB at least (but the last), 64 KiB on average, 256 KiB at most; in order, without gaps. */
export function chunk(bytes: Uint8Array): Chunk[] {
  const chunks: Chunk[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const size = cut(bytes, offset);
    chunks.push({ digest: digestOfChunk(bytes.subarray(offset, offset + size)), offset, size });
    offset += size;
  }
  return chunks;
}

/** Length of the chunk that begins at `start`. */
function cut(bytes: Uint8Array, start: number): number {
  const rest = bytes.length - start;
  if (rest <= CHUNK_MIN_BYTES) return rest;
  const normal = Math.min(rest, CHUNK_AVERAGE_BYTES);
  const most = Math.min(rest, CHUNK_MAX_BYTES);
  let hash = 0;
  let size = CHUNK_MIN_BYTES;
  for (; size < normal; size++) {
    hash = ((hash << 1) + (GEAR[bytes[start + size] ?? 0] ?? 0)) | 0;
    if ((hash & MASK_BEFORE_AVERAGE) === 0) return size + 1;
  }
  for (; size < most; size++) {
    hash = ((hash << 1) + (GEAR[bytes[start + size] ?? 0] ?? 0)) | 0;
    if ((hash & MASK_BEHIND_AVERAGE) === 0) return size + 1;
  }
  return most;
}

/** Joins chunks to the content of `manifest`. Throws ImageFormatError when they are not exactly that content. */
export function assemble(chunks: readonly Uint8Array[], manifest: ImageManifest): Uint8Array {
  const bytes = chunks.reduce((sum, piece) => sum + piece.length, 0);
  if (bytes > CONTENT_MAX_BYTES || bytes !== manifest.content.bytes) {
    throw new ImageFormatError(
      `the image's chunks have ${String(bytes)} bytes together; its manifest says ${String(manifest.content.bytes)}`,
    );
  }
  const content = new Uint8Array(bytes);
  let offset = 0;
  for (const piece of chunks) {
    content.set(piece, offset);
    offset += piece.length;
  }
  verifyContent(manifest, content);
  return content;
}
