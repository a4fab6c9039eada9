/**
 * The node's image cache: which images lie complete in its chunk store, and their modules ready to boot.
 *
 * An image becomes cached when all its chunks are here and the content's digest is verified; its record (manifest and chunk list) is then
 * written beside the chunks, so that a restarted node still knows it. Partial images simply have some chunks: a next try fetches the rest.
 * Records are small files named by digest, written under another name and renamed.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseManifest, sha256, verifyContent, type ImageManifest } from '@verbena/guest-image';
import { chunkDigest, imageDigest } from '@verbena/ids';
import { messageOf, Refusal } from '../errors.ts';
import type { ChunkRef } from './distribute.ts';

/** What the cache needs of a chunk store. `put` verifies the digest; `get` gives undefined for what is not there (any more). */
export interface Chunks {
  /** Those that are not here, each once. */
  missing(digests: readonly string[]): string[];
  /** Keeps chunks from being evicted until the returned function is called. */
  pin(digests: readonly string[]): () => void;
  get(digest: string): Promise<Uint8Array | undefined>;
  put(digest: string, data: Uint8Array): Promise<void>;
  delete(digest: string): Promise<void>;
}

export interface CachedImage {
  readonly digest: string;
  /** The manifest's bytes, as JSON text. */
  readonly manifest: string;
  readonly chunks: readonly ChunkRef[];
}

export interface ImageCacheOptions {
  readonly dir: string;
  readonly chunks: Chunks;
  readonly quotaBytes: number;
}

const modulesKept = 4;
const mostChunks = 1 << 14;

export class ImageCache {
  readonly #options: ImageCacheOptions;
  /** Least recently used first. */
  readonly #images = new Map<string, CachedImage>();
  readonly #modules = new Map<string, Uint8Array>();
  readonly #pins = new Map<string, number>();
  /** For each image, what lets its chunks go. */
  readonly #holds = new Map<string, () => void>();

  private constructor(options: ImageCacheOptions) {
    this.#options = options;
  }

  /** Opens the cache in `dir`; records that cannot be read are dropped, their chunks are found again by digest. */
  static async open(options: ImageCacheOptions): Promise<ImageCache> {
    const cache = new ImageCache(options);
    await mkdir(options.dir, { recursive: true });
    for (const name of (await readdir(options.dir)).sort()) {
      const path = join(options.dir, name);
      const image = name.endsWith('.json') ? parseRecord(await readFile(path, 'utf8')) : undefined;
      if (image !== undefined && cache.missing(image.chunks).length === 0) cache.#remember(image);
      else await rm(path, { force: true });
    }
    return cache;
  }

  /** Digests of the images that are complete here. */
  list(): string[] {
    return [...this.#images.keys()];
  }

  bytes(): number {
    return [...sizes(this.#images.values()).values()].reduce((sum, size) => sum + size, 0);
  }

  /** Keeps an image from being evicted until the returned function is called. */
  pin(digest: string): () => void {
    this.#pins.set(digest, (this.#pins.get(digest) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#pins.get(digest) ?? 1) - 1;
      if (left === 0) this.#pins.delete(digest);
      else this.#pins.set(digest, left);
    };
  }

  missing(chunks: readonly { readonly digest: string }[]): string[] {
    return this.#options.chunks.missing(chunks.map(({ digest }) => digest));
  }

  /** @throws Refusal('invalid') when the digest is wrong or the chunk is too large */
  async receive(digest: string, data: Uint8Array): Promise<void> {
    chunkDigest(digest);
    if (data.length > 1 << 20) throw new Refusal('invalid', `chunk ${digest} has ${String(data.length)} bytes, at most 1 MiB is allowed`);
    await this.#options.chunks.put(digest, data);
  }

  async read(digest: string): Promise<Uint8Array> {
    const data = await this.#options.chunks.get(digest);
    if (data === undefined) throw new Refusal('unknown-image', `chunk ${digest} is not in this node's cache`);
    return data;
  }

  /** Makes room for an image that is about to come: evicts images by age, never a pinned one. */
  async makeRoom(image: CachedImage): Promise<void> {
    const need = sizes([image]);
    const total = (): number => [...sizes([...this.#images.values(), image]).values()].reduce((sum, size) => sum + size, 0);
    if (sum(need.values()) > this.#options.quotaBytes)
      throw new Refusal(
        'no-capacity',
        `image ${image.digest} has ${String(sum(need.values()))} bytes, the node's cache holds ${String(this.#options.quotaBytes)}`,
      );
    for (const [digest] of this.#images) {
      if (total() <= this.#options.quotaBytes) return;
      if (!this.#pins.has(digest) && digest !== image.digest) await this.#evict(digest, need);
    }
    if (total() > this.#options.quotaBytes)
      throw new Refusal('no-capacity', `the node's cache has no room for image ${image.digest}: the images in it are in use`);
  }

  /** Verifies that the image is whole and right, and remembers it. @throws Refusal when a chunk is missing or the content is wrong */
  async complete(image: CachedImage): Promise<void> {
    if (this.#images.has(image.digest) && this.missing(image.chunks).length === 0) {
      this.#touch(image.digest);
      return;
    }
    this.#keepModule(image.digest, await this.#assemble(image));
    const path = join(this.#options.dir, `${image.digest.slice('sha256:'.length)}.json`);
    await writeFile(`${path}.part`, JSON.stringify(image));
    await rename(`${path}.part`, path);
    this.#remember(image);
  }

  #remember(image: CachedImage): void {
    this.#images.delete(image.digest);
    this.#images.set(image.digest, image);
    if (!this.#holds.has(image.digest)) this.#holds.set(image.digest, this.#options.chunks.pin(image.chunks.map(({ digest }) => digest)));
  }

  /** The memory that a VM of this image gets when nobody says, in bytes. @throws Refusal('unknown-image') */
  defaultMemoryBytes(digest: string): number {
    return manifestOf(this.#cached(digest)).memory.defaultBytes;
  }

  /** The module of a cached image, verified. @throws Refusal('unknown-image') */
  async module(digest: string): Promise<Uint8Array> {
    const image = this.#cached(digest);
    this.#touch(digest);
    const ready = this.#modules.get(digest);
    if (ready !== undefined) return ready;
    const wasm = await this.#assemble(image);
    this.#keepModule(digest, wasm);
    return wasm;
  }

  #cached(digest: string): CachedImage {
    const image = this.#images.get(digest);
    if (image === undefined) throw new Refusal('unknown-image', `image ${digest} is not in this node's cache`);
    return image;
  }

  async #assemble(image: CachedImage): Promise<Uint8Array> {
    const manifest = manifestOf(image);
    const wasm = new Uint8Array(manifest.content.bytes);
    let at = 0;
    for (const { digest } of image.chunks) {
      const data = await this.read(digest);
      if (at + data.length > wasm.length)
        throw new Refusal('invalid', `image ${image.digest}: its chunks hold more bytes than its manifest says`);
      wasm.set(data, at);
      at += data.length;
    }
    try {
      verifyContent(manifest, wasm.subarray(0, at));
    } catch (error) {
      throw new Refusal('invalid', `image ${image.digest}: ${messageOf(error)}`, { cause: error });
    }
    return wasm;
  }

  async #evict(digest: string, spare: ReadonlyMap<string, number>): Promise<void> {
    const image = this.#images.get(digest);
    this.#images.delete(digest);
    this.#modules.delete(digest);
    this.#holds.get(digest)?.();
    this.#holds.delete(digest);
    await rm(join(this.#options.dir, `${digest.slice('sha256:'.length)}.json`), { force: true });
    const used = sizes(this.#images.values());
    for (const chunk of sizes(image === undefined ? [] : [image]).keys())
      if (!used.has(chunk) && !spare.has(chunk)) await this.#options.chunks.delete(chunk);
  }

  #touch(digest: string): void {
    const image = this.#images.get(digest);
    if (image === undefined) return;
    this.#images.delete(digest);
    this.#images.set(digest, image);
  }

  #keepModule(digest: string, wasm: Uint8Array): void {
    this.#modules.delete(digest);
    this.#modules.set(digest, wasm);
    for (const [old] of this.#modules) if (this.#modules.size > modulesKept) this.#modules.delete(old);
  }
}

/** Checks what a request says about an image, before anything is fetched for it. @throws Refusal('invalid') */
export function describedImage(digest: string, manifest: Uint8Array, chunks: readonly ChunkRef[]): CachedImage {
  imageDigest(digest);
  if (sha256(manifest) !== digest) throw new Refusal('invalid', `the manifest of image ${digest} has digest ${sha256(manifest)}`);
  if (chunks.length > mostChunks)
    throw new Refusal('invalid', `image ${digest} has ${String(chunks.length)} chunks, at most ${String(mostChunks)} are allowed`);
  for (const chunk of chunks) chunkDigest(chunk.digest);
  const image: CachedImage = {
    digest,
    manifest: new TextDecoder().decode(manifest),
    chunks: chunks.map((chunk) => ({ digest: chunk.digest, size: chunk.size })),
  };
  const bytes = sum(image.chunks.map(({ size }) => size));
  const { content } = manifestOf(image);
  if (bytes !== content.bytes)
    throw new Refusal(
      'invalid',
      `image ${digest}: its chunks add up to ${String(bytes)} bytes, its manifest says ${String(content.bytes)}`,
    );
  return image;
}

/** @throws Refusal('invalid') that names the field which is wrong */
function manifestOf(image: CachedImage): ImageManifest {
  try {
    return parseManifest(new TextEncoder().encode(image.manifest));
  } catch (error) {
    throw new Refusal('invalid', `image ${image.digest}: ${messageOf(error)}`, { cause: error });
  }
}

function parseRecord(text: string): CachedImage | undefined {
  try {
    const { digest, manifest, chunks } = JSON.parse(text) as CachedImage;
    return describedImage(digest, new TextEncoder().encode(manifest), chunks);
  } catch {
    return undefined;
  }
}

/** Size by digest: a chunk that several images share counts once. */
function sizes(images: Iterable<CachedImage>): Map<string, number> {
  const found = new Map<string, number>();
  for (const image of images) for (const { digest, size } of image.chunks) found.set(digest, size);
  return found;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
