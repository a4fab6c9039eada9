/**
 * The files of a program, for handing them over: its scratch directory and its /tmp. Symbolic links and devices, which no guest can make, stay behind.
 * What is read comes in the order in which it can be written: a directory, then what is in it.
 */
import { createReadStream } from 'node:fs';
import { lstat, mkdir, open, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FilePlace, ProgramFile } from '../suspended.ts';
import { inodeBytes } from './wasi/quota.ts';

type Roots = Readonly<Record<FilePlace, string>>;

const pieceBytes = 1 << 20;
const depthLimit = 128;
const nameBytes = 255;

let temporaryDirectories = 0;
/** A name for a program's /tmp, which is made when the program first writes there. */
export const newTemporaryDir = (): string => join(tmpdir(), `verbena-tmp-${String(process.pid)}-${String(temporaryDirectories++)}`);

export async function* readProgramFiles(roots: Roots): AsyncGenerator<ProgramFile> {
  yield* readTree('scratch', roots.scratch, []);
  yield* readTree('temporary', roots.temporary, []);
}

async function* readTree(place: FilePlace, root: string, path: readonly string[]): AsyncGenerator<ProgramFile> {
  const names = await readdir(join(root, ...path)).catch(() => []);
  for (const name of names.sort()) {
    const own = [...path, name];
    const host = join(root, ...own);
    const stats = await lstat(host);
    const facts = { place, path: own, modifiedMs: stats.mtimeMs };
    if (stats.isDirectory()) {
      yield { ...facts, kind: 'directory', size: 0, content: nothing };
      yield* readTree(place, root, own);
    } else if (stats.isFile()) {
      const size = stats.size;
      yield { ...facts, kind: 'file', size, content: () => (size === 0 ? nothing() : read(host, size)) };
    }
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  yield* [];
}

async function* read(host: string, size: number): AsyncGenerator<Uint8Array> {
  let left = size;
  for await (const piece of createReadStream(host, { end: size - 1, highWaterMark: pieceBytes })) {
    const bytes = new Uint8Array(piece as Buffer);
    left -= bytes.length;
    yield bytes;
  }
  if (left !== 0) throw new Error(`${host} became shorter while it was read`);
}

/**
 * Writes files from elsewhere. Nothing that is there is replaced, no name leads out of its place.
 * @param limitBytes what all of them may need, counted as the quota of a program counts
 * @throws Error for a file that does not keep to this
 */
export async function writeProgramFiles(files: AsyncIterable<ProgramFile>, roots: Roots, limitBytes: number): Promise<void> {
  let used = 0;
  const charge = (bytes: number): void => {
    used += bytes;
    if (used > limitBytes) throw new Error(`the program's files need more than its limit of ${String(limitBytes)} bytes`);
  };
  for await (const file of files) {
    checkFilePath(file.path);
    const root = roots[file.place];
    if (file.place === 'temporary') await mkdir(root, { recursive: true, mode: 0o700 });
    charge(inodeBytes);
    const host = join(root, ...file.path);
    if (file.kind === 'directory') await mkdir(host, 0o777);
    else await write(host, file, charge);
  }
}

async function write(host: string, { size, modifiedMs, content }: ProgramFile, charge: (bytes: number) => void): Promise<void> {
  charge(size);
  const out = await open(host, 'wx', 0o666);
  try {
    let left = size;
    for await (const piece of content()) {
      left -= piece.length;
      if (left < 0) throw new Error(`${host} is longer than was said`);
      await out.writeFile(piece);
    }
    if (left !== 0) throw new Error(`${host} is ${String(left)} bytes shorter than was said`);
  } finally {
    await out.close();
  }
  const seconds = modifiedMs / 1000;
  if (Number.isFinite(seconds)) await utimes(host, seconds, seconds);
}

/** @throws Error unless every part is a plain name */
export function checkFilePath(path: readonly string[]): void {
  const plain = (name: string): boolean =>
    name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name) && Buffer.byteLength(name) <= nameBytes;
  if (path.length === 0 || path.length > depthLimit || !path.every(plain))
    throw new Error(`${JSON.stringify(path).slice(0, 200)} is no path of a program's file`);
}

/** What writeProgramFiles has left behind when it failed. */
export async function removeProgramFiles(roots: Roots): Promise<void> {
  for (const name of await readdir(roots.scratch).catch(() => [])) await rm(join(roots.scratch, name), { recursive: true, force: true });
  await rm(roots.temporary, { recursive: true, force: true });
}
