/**
 * Compiled guest modules by image digest. Compiling is by far the dearest part of a boot (tens to hundreds of milliseconds, in threads of
 * V8's own), so each image is compiled once per process.
 */
import { IMAGE_FILE_SECTION, parseImageFile } from '@verbena/guest-image';
import { compileOptimised } from '@verbena/hca';
import { checkImports, parseMemoryImport, type MemoryLimits } from './module-imports.ts';
import { suspendable, type Suspendable } from './suspendable.ts';

export interface GuestModule {
  readonly module: WebAssembly.Module;
  /** What the module asks of its memory, in pages of 64 KiB. */
  readonly memory: MemoryLimits;
  /** How its programs can be suspended, or why they cannot. */
  readonly suspendable: Suspendable | string;
}

const limit = 64;
const cache = new Map<string, Promise<GuestModule>>();
/**
 * @param digest of the image; the caller has verified the bytes against it
 * @throws Error that says what is wrong with the module when it is no guest
 */
export function compileGuest(digest: string, wasm: Uint8Array): Promise<GuestModule> {
  const known = cache.get(digest);
  if (known !== undefined) {
    cache.delete(digest);
    cache.set(digest, known);
    return known;
  }
  const compiled = compile(wasm);
  cache.set(digest, compiled);
  compiled.catch(() => cache.delete(digest));
  const oldest = cache.keys().next().value;
  if (cache.size > limit && oldest !== undefined) cache.delete(oldest);
  return compiled;
}

async function compile(wasm: Uint8Array): Promise<GuestModule> {
  try {
    // Bytes of its own: the caller's may be shared or change.
    const bytes = new Uint8Array(wasm);
    const module = await compileOptimised(bytes);
    checkImports(module);
    for (const section of WebAssembly.Module.customSections(module, IMAGE_FILE_SECTION)) parseImageFile(new Uint8Array(section));
    return { module, memory: parseMemoryImport(bytes), suspendable: suspendable(module, bytes) };
  } catch (error) {
    throw new Error(`the image's module cannot run here: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
