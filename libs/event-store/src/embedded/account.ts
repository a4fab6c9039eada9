/**
 * As whom the server runs, and where. Postgres refuses to run as root, so root runs it as an account without rights of its own ("postgres" where
 * the system has it, else "nobody"). That account must reach the directory: every parent must let it pass.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresBinaries } from './binaries.ts';

const run = promisify(execFile);

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Where things are for those that the data directory's own parents keep out. */
const publicRoot = '/var/lib/verbena';

/** The account to run the server as; undefined when it is our own. */
export async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, name]).catch(() => undefined)));
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  throw new Error(
    'Postgres refuses to run as root, and this system has neither an account "postgres" nor "nobody" to run it as: ' +
      'start Verbena as another user, or set DATABASE_URL to a Postgres server',
  );
}

/**
 * A directory for the cluster that the account can reach: within the data directory if it can, else under /var/lib/verbena. Temporary
 * directories that are ours and closed to others are opened for passing through, not for listing.
 */
export async function clusterHome(dataDir: string, account: Account | undefined): Promise<string> {
  if (account === undefined) return dataDir;
  const real = await realpath(dataDir);
  if ((await chmod(real, 0o711).then(() => openTemporary(real))) && (await reachable(real))) return real;
  const home = join(publicRoot, `cluster-${createHash('sha256').update(real).digest('hex').slice(0, 16)}`);
  await mkdir(home, { recursive: true, mode: 0o711 });
  await chmod(publicRoot, 0o755);
  await writeFile(join(home, 'origin'), real);
  await sweep();
  return home;
}

/** The binaries, or a copy of them where the account can reach it. */
export async function reachableBinaries(binaries: PostgresBinaries, account: Account | undefined): Promise<PostgresBinaries> {
  if (account === undefined || (await reachable(binaries.native))) return binaries;
  const native = join(publicRoot, `postgres-${binaries.version}`);
  const moved = (path: string): string => path.replace(binaries.native, native);
  if (
    await stat(native).then(
      () => false,
      () => true,
    )
  ) {
    const partial = `${native}.${process.pid}`;
    await mkdir(publicRoot, { recursive: true, mode: 0o755 });
    await cp(binaries.native, partial, { recursive: true, verbatimSymlinks: true });
    await rename(partial, native).catch(() => rm(partial, { recursive: true, force: true }));
  }
  return { ...binaries, native, postgres: moved(binaries.postgres), initdb: moved(binaries.initdb) };
}

/** Whether others may pass through a directory and all its parents. */
async function reachable(directory: string): Promise<boolean> {
  for (let path = directory; ; path = dirname(path)) {
    const { mode } = await stat(path);
    if ((mode & 0o001) === 0) return false;
    if (dirname(path) === path) return true;
  }
}

async function openTemporary(directory: string): Promise<true> {
  const root = await realpath(tmpdir());
  for (let path = dirname(directory); path.startsWith(root + sep); path = dirname(path)) {
    const { mode, uid } = await stat(path);
    if (uid === process.getuid?.() && (mode & 0o001) === 0) await chmod(path, mode | 0o001);
  }
  return true;
}

/** Removes what lies outside of data directories that are gone. */
export async function sweep(): Promise<void> {
  for (const name of await readdir(publicRoot).catch(() => [])) {
    if (!name.startsWith('cluster-')) continue;
    const home = join(publicRoot, name);
    const origin = await readFile(join(home, 'origin'), 'utf8').catch(() => undefined);
    if (origin === undefined) continue;
    const gone = await stat(origin).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
    );
    if (gone) await rm(home, { recursive: true, force: true });
  }
}
