/**
 * The container file `.vmi`: a 64-byte header, the canonical manifest, the content. All numbers are little-endian.
 *
 *    0  magic            8 bytes   "VERBENA" and 0x1A, so that a text tool stops at once
 *    8  version          u32       1
 *   12  compression      u32       0 stored, 1 raw DEFLATE (RFC 1951)
 *   16  manifest bytes   u32
 *   20  stored bytes     u32       length of the content as it lies in the file
 *   24  manifest SHA-256 32 bytes
 *   56  reserved         8 bytes   zero
 *
 * Lengths are compared with the file's before anything is allocated, and inflating stops at the length that the manifest states.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { bytes, struct, u32, u64 } from '@verbena/binary';
import type { StructValue } from '@verbena/binary';
import { CONTENT_MAX_BYTES, MANIFEST_MAX_BYTES, parseManifest } from './canonical.ts';
import { digestOfManifest } from './digest.ts';
import { ImageFormatError } from './errors.ts';
import { verifyContent } from './image.ts';
import type { GuestImage } from './image.ts';

const MAGIC = Uint8Array.of(0x56, 0x45, 0x52, 0x42, 0x45, 0x4e, 0x41, 0x1a);
const VERSION = 1;
const STORED = 0;
const DEFLATED = 1;
const fileHeader = struct(
  'vmi_header',
  { magic: bytes(8), version: u32, compression: u32, manifestBytes: u32, storedBytes: u32, manifestDigest: bytes(32), reserved: u64 },
  64,
);
const HEADER_BYTES = fileHeader.size;

/** Whether the bytes begin like a `.vmi` file. */
export const looksLikeImageFile = (bytes: Uint8Array): boolean => MAGIC.every((byte, index) => bytes[index] === byte);

/** The bytes of a `.vmi` file. Equal images give equal files. */
export function writeImageFile(image: GuestImage, options: { readonly compress?: boolean } = {}): Uint8Array {
  const packed = options.compress === false ? image.wasm : deflateRawSync(image.wasm, { level: 6 });
  const compression = packed.length < image.wasm.length ? DEFLATED : STORED;
  const content = compression === DEFLATED ? packed : image.wasm;
  const header = fileHeader.encode({
    magic: MAGIC,
    version: VERSION,
    compression,
    manifestBytes: image.manifestBytes.length,
    storedBytes: content.length,
    manifestDigest: sha256Bytes(image.manifestBytes),
  });
  const file = new Uint8Array(HEADER_BYTES + image.manifestBytes.length + content.length);
  file.set(header);
  file.set(image.manifestBytes, HEADER_BYTES);
  file.set(content, HEADER_BYTES + image.manifestBytes.length);
  return file;
}

/** Reads a `.vmi` file and verifies it. Throws ImageFormatError for anything but a whole, undamaged image. */
export function readImageFile(file: Uint8Array): GuestImage {
  const header = readHeader(file);
  const contentAt = HEADER_BYTES + header.manifestBytes;
  const manifestBytes = file.slice(HEADER_BYTES, contentAt);
  if (Buffer.compare(sha256Bytes(manifestBytes), header.manifestDigest) !== 0) {
    throw new ImageFormatError('the image file is damaged: its manifest does not match the digest in the header');
  }
  const manifest = parseManifest(manifestBytes);
  const wasm = unpack(header.compression, file.subarray(contentAt), manifest.content.bytes);
  verifyContent(manifest, wasm);
  return { manifest, manifestBytes, digest: digestOfManifest(manifestBytes), wasm };
}

const sha256Bytes = (data: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(data).digest());

function readHeader(file: Uint8Array): StructValue<typeof fileHeader.fields> {
  if (!looksLikeImageFile(file)) throw new ImageFormatError('this is not a guest image: it does not begin with the magic of a .vmi file');
  if (file.length < HEADER_BYTES) throw truncated(file.length, HEADER_BYTES);
  const header = fileHeader.decode(file);
  const { version, compression, manifestBytes, storedBytes, reserved } = header;
  if (version !== VERSION) throw new ImageFormatError(`the image file has format version ${String(version)}; this program reads version 1`);
  if (compression !== STORED && compression !== DEFLATED) {
    throw new ImageFormatError(`the image file is damaged: compression ${String(compression)} does not exist`);
  }
  if (manifestBytes > MANIFEST_MAX_BYTES || storedBytes > CONTENT_MAX_BYTES || reserved !== 0n) {
    throw new ImageFormatError('the image file is damaged: its header states impossible lengths');
  }
  const expected = HEADER_BYTES + manifestBytes + storedBytes;
  if (file.length < expected) throw truncated(file.length, expected);
  if (file.length > expected) {
    throw new ImageFormatError(`the image file is damaged: ${String(file.length - expected)} bytes follow its end`);
  }
  return header;
}

const truncated = (found: number, expected: number): ImageFormatError =>
  new ImageFormatError(`the image file is truncated: it has ${String(found)} of ${String(expected)} bytes`);

function unpack(compression: number, stored: Uint8Array, length: number): Uint8Array {
  if (compression === STORED) return stored.slice();
  try {
    return new Uint8Array(inflateRawSync(stored, { maxOutputLength: length }));
  } catch (cause) {
    throw new ImageFormatError('the image file is damaged: its content does not inflate to the length its manifest states', { cause });
  }
}
