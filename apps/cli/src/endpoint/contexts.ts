/**
 * Contexts: clusters by name, with the token that opens them, in one file of the user's configuration directory. The file holds secrets, so nobody
 * else may read it; it is written whole or not at all.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { CliError } from '../errors.ts';

export interface ClusterEntry {
  readonly endpoint: string;
  readonly token?: string;
  /** Path of a PEM file with the authorities that vouch for the cluster's certificate. */
  readonly authority?: string;
}

export interface Contexts {
  /** The one that counts when nothing else is said. */
  readonly current?: string;
  readonly contexts: Readonly<Record<string, ClusterEntry>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** contexts.json in $XDG_CONFIG_HOME/verbena, or ~/.config/verbena. */
export function contextsFile(env: Environment): string {
  const xdg = env['XDG_CONFIG_HOME'];
  const base = xdg && isAbsolute(xdg) ? xdg : join(env['HOME'] ?? homedir(), '.config');
  return join(base, 'verbena', 'contexts.json');
}

/** None when there is no file. @throws {CliError} when the file makes no sense */
export async function readContexts(path: string): Promise<Contexts> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { contexts: {} };
    throw new CliError(`the contexts in ${path} cannot be read`, undefined, { cause: error });
  }
  try {
    const read = JSON.parse(text) as Partial<Contexts>;
    if (typeof read.contexts === 'object') return { contexts: read.contexts, ...(read.current !== undefined && { current: read.current }) };
  } catch {
    // Said below.
  }
  throw new CliError(`${path} holds no contexts: mend it, or remove it and add them again`);
}

export async function writeContexts(path: string, contexts: Contexts): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const aside = `${path}.${randomUUID()}`;
  await writeFile(aside, `${JSON.stringify(contexts, null, 2)}\n`, { mode: 0o600 });
  await rename(aside, path);
}
