import type { ImageDigest } from '@verbena/ids';
import { canonicalManifest } from './canonical.ts';
import { digestOfManifest, sha256 } from './digest.ts';
import { ImageFormatError } from './errors.ts';
import type { ImageManifest } from './manifest.ts';

/** A whole image in memory: the manifest, its canonical bytes, their digest, and the module. */
export interface GuestImage {
  readonly manifest: ImageManifest;
  readonly manifestBytes: Uint8Array;
  readonly digest: ImageDigest;
  readonly wasm: Uint8Array;
}

export interface ImageParts {
  /** The WebAssembly module. */
  readonly wasm: Uint8Array;
  /** Library name to version. */
  readonly libraries: ImageManifest['libraries'];
  /** Memory in bytes, multiples of 64 KiB. */
  readonly memory: ImageManifest['memory'];
  /** The imports over which the guest may unwind, or null when it was not instrumented. */
  readonly asyncify: ImageManifest['asyncify'];
  readonly labels?: ImageManifest['labels'];
}

/** Puts an image together. Throws ImageFormatError when a part cannot be in a manifest. */
export function buildImage(parts: ImageParts): GuestImage {
  const manifest: ImageManifest = {
    kind: 'verbena.guest-image',
    version: 1,
    os: 'verbena-guest',
    abiVersion: 1,
    arch: 'wasm32',
    libraries: parts.libraries,
    memory: parts.memory,
    content: { digest: sha256(parts.wasm), bytes: parts.wasm.length },
    asyncify: parts.asyncify,
    labels: parts.labels ?? {},
  };
  const manifestBytes = canonicalManifest(manifest);
  return { manifest, manifestBytes, digest: digestOfManifest(manifestBytes), wasm: parts.wasm };
}

/** Throws ImageFormatError unless the content has the length and the digest that the manifest states. */
export function verifyContent(manifest: ImageManifest, content: Uint8Array): void {
  const { bytes, digest } = manifest.content;
  if (content.length !== bytes) {
    throw new ImageFormatError(`the image's content has ${String(content.length)} bytes; its manifest says ${String(bytes)}`);
  }
  const found = sha256(content);
  if (found !== digest) throw new ImageFormatError(`the image's content is damaged: its digest is ${found}, its manifest says ${digest}`);
}
