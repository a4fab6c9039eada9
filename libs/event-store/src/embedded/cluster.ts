/** A cluster on disk: made once, by initdb, beside its place and then moved there, so that half of one is never taken for a whole. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Account } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';

const run = promisify(execFile);
export const superuser = 'verbena';

export interface Cluster {
  readonly directory: string;
  readonly password: string;
}

/** The cluster in `home`, made if there is none (about a second). Its password stands beside it, readable by us alone. */
export async function ensureCluster(home: string, binaries: PostgresBinaries, account: Account | undefined): Promise<Cluster> {
  const directory = join(home, 'cluster');
  const passwordFile = join(home, 'password');
  if (await isDirectory(directory)) return { directory, password: (await readFile(passwordFile, 'utf8')).trim() };
  const password = randomBytes(24).toString('base64url');
  const fresh = join(home, 'cluster.new');
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  const forInitdb = join(home, 'password.new');
  await rm(forInitdb, { force: true });
  await writeFile(forInitdb, `${password}\n`, { mode: 0o600, flag: 'wx' });
  if (account !== undefined) await Promise.all([fresh, forInitdb].map((path) => chown(path, account.uid, account.gid)));
  try {
    await initdb(binaries, fresh, forInitdb, account);
  } finally {
    await rm(forInitdb, { force: true });
  }
  await rm(passwordFile, { force: true });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
  await rename(fresh, directory);
  return { directory, password };
}

/** UTF-8, and a locale that means the same everywhere. */
async function initdb(binaries: PostgresBinaries, directory: string, passwordFile: string, account: Account | undefined): Promise<void> {
  const flags = ['--auth=scram-sha-256', `--username=${superuser}`, `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C'];
  try {
    await run(binaries.initdb, [`--pgdata=${directory}`, ...flags, '--no-instructions'], {
      ...account,
      cwd: '/',
      env: serverEnvironment(),
    });
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim() ?? '';
    throw new Error(`could not make a Postgres cluster in ${directory}: ${said || String(cause)}`, { cause });
  }
}

/** The server needs nothing of our environment, which may hold secrets. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const { PATH, SYSTEMROOT } = process.env;
  return { ...(PATH !== undefined && { PATH }), ...(SYSTEMROOT !== undefined && { SYSTEMROOT }), LC_ALL: 'C', TZ: 'UTC' };
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
