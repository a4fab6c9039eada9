/**
 * The guest's side of the house: the MPI library, the verbs client and the runtime glue, compiled once and kept as an archive whose name is
 * the digest of all their sources. Eight compilations that start together build it once: within a process they share a promise, between
 * processes a lock, which a dead process does not hold for ever.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from './cache.ts';
import { keyOf } from './cache.ts';
import { ToolchainError } from './errors.ts';
import { translate } from './frontend.ts';
import type { ToolPool } from './tool-pool.ts';
import { TOOLCHAIN_VERSION } from './version.ts';

const libraries = join(import.meta.dirname, '..', '..');
const SOURCE_DIRECTORIES = ['guest-mpi/src', 'guest-verbs/src', 'toolchain/guest'].map((each) => join(libraries, each));
/** Where guests find our headers; the first wraps headers of wasi-libc and must precede them. */
export const HEADER_DIRECTORIES = ['toolchain/guest/include', 'guest-mpi/include', 'guest-verbs/include', 'guest-abi/include']
  .map((each) => join(libraries, each))
  .filter((each) => existsSync(each));

const FLAGS = ['-O3', '-Wall', '-std=c11'];
/** A lock older than this belongs to a process that died. */
const STALE_LOCK_MS = 120_000;
const LOCK_POLL_MS = 50;

export interface GuestRuntime {
  readonly archive: Uint8Array;
  /** Our headers by absolute path. */
  readonly headers: ReadonlyMap<string, Uint8Array>;
}

const building = new Map<string, Promise<Uint8Array>>();

/** Gives the runtime, building it when its sources have changed. Throws ToolchainError with clang's words when they do not compile. */
export async function guestRuntime(pool: ToolPool, cache: Cache): Promise<GuestRuntime> {
  const headers = load(HEADER_DIRECTORIES, /\.h$/);
  const sources = load(SOURCE_DIRECTORIES, /\.[ch]$/);
  const files = new Map([...headers, ...sources].sort(([a], [b]) => (a < b ? -1 : 1)));
  const named = [...files].map(([path, content]): [string, Uint8Array] => [path.slice(libraries.length), content]);
  const key = keyOf('runtime', TOOLCHAIN_VERSION, ...FLAGS, ...named.flat());
  const archive = cache.get(key) ?? (await once(key, () => underLock(cache, key, () => build(files, key, pool, cache))));
  return { archive, headers };
}

function load(directories: readonly string[], wanted: RegExp): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const directory of directories.filter((each) => existsSync(each))) {
    for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && wanted.test(entry.name))
        files.set(join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name)));
    }
  }
  return files;
}

function once(key: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const running = building.get(key) ?? make().finally(() => building.delete(key));
  building.set(key, running);
  return running;
}

/** Runs `make` while holding the lock of `key`, or takes what another process made meanwhile. */
async function underLock(cache: Cache, key: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const lock = join(cache.directory, `${key}.lock`);
  for (;;) {
    try {
      mkdirSync(cache.directory, { recursive: true });
      mkdirSync(lock);
      break;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) return make();
    }
    await sleep(LOCK_POLL_MS);
    const made = cache.get(key);
    if (made !== undefined) return made;
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
    if (since !== undefined && Date.now() - since > STALE_LOCK_MS) rmSync(lock, { recursive: true, force: true });
  }
  try {
    return cache.get(key) ?? (await make());
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

async function build(files: ReadonlyMap<string, Uint8Array>, key: string, pool: ToolPool, cache: Cache): Promise<Uint8Array> {
  const headers = new Map([...files].filter(([path]) => path.endsWith('.h')));
  const sources = [...files.keys()].filter((path) => path.endsWith('.c'));
  const objects = await Promise.all(
    sources.map(async (path): Promise<[string, Uint8Array]> => [memberName(path), await compileOne(path, files, headers, pool, cache)]),
  );
  const archive = await archiveOf(objects, pool);
  cache.set(key, archive);
  return archive;
}

async function compileOne(
  path: string,
  files: ReadonlyMap<string, Uint8Array>,
  headers: Map<string, Uint8Array>,
  pool: ToolPool,
  cache: Cache,
): Promise<Uint8Array> {
  const result = await translate(
    {
      path,
      language: 'c',
      stage: 'object',
      cwd: dirname(path),
      driverFlags: FLAGS,
      frontendFlags: SOURCE_DIRECTORIES.flatMap((directory) => ['-I', directory]),
      systemDirectories: HEADER_DIRECTORIES,
      dependencies: undefined,
      colors: false,
      files: new Map([...headers, [path, files.get(path) ?? new Uint8Array()]]),
    },
    pool,
    cache,
  );
  if (result.output === undefined) throw new ToolchainError(`the guest library does not compile:\n${result.diagnostics}`);
  return result.output;
}

/** Names that tell in the linker's messages where a member comes from: mpi-coll-bcast.o. */
const memberName = (path: string): string =>
  `${relative(libraries, path)
    .replace(/^guest-(\w+)\/src\//, '$1/')
    .replace(/\.c$/, '')
    .replaceAll('/', '-')}.o`;

async function archiveOf(objects: readonly (readonly [string, Uint8Array])[], pool: ToolPool): Promise<Uint8Array> {
  const members = Object.fromEntries(objects);
  const args = ['ar', 'rcsD', '/out/a', ...Object.keys(members).map((name) => `/in/${name}`)];
  const result = await pool.run({ kind: 'llvm', args, files: { in: members, out: {} } });
  const archive = result.out['a'];
  if (archive === undefined) throw new ToolchainError(`the guest library could not be archived: ${result.text}`);
  return archive;
}
