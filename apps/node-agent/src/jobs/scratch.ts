/**
 * The scratch directory of a rank: its working directory, made with the job's input files in it, and read after the program's end for the
 * files that it wrote. What a guest leaves there is not trusted: links are ignored, number and size are bounded.
 */
import { mkdir, open, opendir, rm, rmdir } from 'node:fs/promises';
import { constants } from 'node:fs';
import { dirname, join, posix, sep } from 'node:path';
import { sha256 } from '@verbena/guest-image';
import { Refusal } from '../errors.ts';

export interface InputFile {
  readonly path: string;
  readonly size: bigint;
  readonly chunks: readonly string[];
}

export interface KeptFile {
  readonly path: string;
  readonly size: bigint;
  readonly chunks: readonly string[];
}

export interface ScratchBounds {
  readonly maxFiles: number;
  readonly maxBytes: number;
}

export const defaultBounds: ScratchBounds = { maxFiles: 1_000, maxBytes: 1 << 30 };
const chunkBytes = 1 << 20;
const deepest = 16;

/** A relative path with forward slashes that stays inside its directory. */
export function isInside(path: string): boolean {
  return (
    path !== '' &&
    path.length <= 1024 &&
    !path.includes('\0') &&
    !path.includes('\\') &&
    !posix.isAbsolute(path) &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/** Removes a directory in which there is nothing, in one call. @returns whether it did */
export async function removeEmpty(dir: string): Promise<boolean> {
  return rmdir(dir).then(
    () => true,
    () => false,
  );
}

/** Removes a directory with all that is in it; most are empty. */
export async function removeScratch(dir: string): Promise<void> {
  if (!(await removeEmpty(dir))) await rm(dir, { recursive: true, force: true });
}

/**
 * Makes the directory anew and writes the input files into it.
 * @returns what each input file looked like when it was written, by path
 */
export async function prepareScratch(
  dir: string,
  inputs: readonly InputFile[],
  chunk: (digest: string) => Promise<Uint8Array>,
): Promise<Map<string, string>> {
  if ((await mkdir(dir, { recursive: true })) === undefined) {
    await removeScratch(dir);
    await mkdir(dir, { recursive: true });
  }
  const written = new Map<string, string>();
  for (const input of inputs) {
    if (!isInside(input.path))
      throw new Refusal('invalid', `input file ${JSON.stringify(input.path)} is not a relative path inside the working directory`);
    const target = join(dir, input.path);
    await mkdir(dirname(target), { recursive: true });
    const handle = await open(target, 'wx');
    try {
      for (const digest of input.chunks) await handle.writeFile(await chunk(digest));
      const { size, mtimeMs } = await handle.stat();
      if (BigInt(size) !== input.size)
        throw new Refusal('invalid', `input file ${input.path}: its chunks hold ${String(size)} bytes, the job says ${String(input.size)}`);
      written.set(input.path, signature(size, mtimeMs));
    } finally {
      await handle.close();
    }
  }
  return written;
}

function signature(size: number, mtimeMs: number): string {
  return `${String(size)}@${String(mtimeMs)}`;
}

/** Plain files below `dir`, as relative paths with forward slashes, in a stable order. Never follows a link. */
async function plainFiles(dir: string, limit: number): Promise<string[]> {
  const found: string[] = [];
  const visit = async (relative: string, depth: number): Promise<void> => {
    if (depth > deepest) return;
    for await (const entry of await opendir(join(dir, relative))) {
      if (found.length >= limit) return;
      const path = relative === '' ? entry.name : `${relative}${sep}${entry.name}`;
      if (entry.isDirectory()) await visit(path, depth + 1);
      else if (entry.isFile()) found.push(path);
    }
  };
  await visit('', 0);
  return found.map((path) => path.split(sep).join('/')).sort();
}

export interface KeepOptions {
  readonly dir: string;
  /** What `prepareScratch` returned: input files that still look the same are not kept again. */
  readonly inputs: ReadonlyMap<string, string>;
  readonly bounds: ScratchBounds;
  readonly putChunk: (digest: string, data: Uint8Array) => Promise<void>;
  readonly putFile: (file: KeptFile) => Promise<void>;
}

/** Takes the files that the program wrote to storage; `note` says what was left behind, and is empty when nothing was. */
export async function keepFiles(options: KeepOptions): Promise<{ kept: number; note: string }> {
  const { dir, inputs, bounds, putFile } = options;
  const paths = await plainFiles(dir, bounds.maxFiles * 2 + inputs.size);
  let kept = 0;
  let bytes = 0;
  let left = 0;
  for (const path of paths) {
    const handle = await open(join(dir, path), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { size, mtimeMs } = await handle.stat();
      if (inputs.get(path) === signature(size, mtimeMs)) continue;
      if (!isInside(path) || kept >= bounds.maxFiles || bytes + size > bounds.maxBytes) {
        left++;
        continue;
      }
      const chunks = await putChunks(handle, size, options.putChunk);
      await putFile({ path, size: BigInt(size), chunks });
      kept++;
      bytes += size;
    } finally {
      await handle.close();
    }
  }
  const limit = `at most ${String(bounds.maxFiles)} files and ${String(bounds.maxBytes >> 20)} MiB are kept for each rank`;
  return { kept, note: left === 0 ? '' : `files of the working directory that were not kept: ${String(left)} (${limit})` };
}

type Handle = Awaited<ReturnType<typeof open>>;

async function putChunks(handle: Handle, size: number, putChunk: KeepOptions['putChunk']): Promise<string[]> {
  const digests: string[] = [];
  for (let at = 0; at < size;) {
    const buffer = new Uint8Array(Math.min(chunkBytes, size - at));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) throw new Error('the file became shorter while it was read');
    const data = buffer.subarray(0, bytesRead);
    const digest = sha256(data);
    await putChunk(digest, data);
    digests.push(digest);
    at += bytesRead;
  }
  return digests;
}
