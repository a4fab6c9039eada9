/** Which cluster a command speaks to, and with what it shows who it is: from options, variables, contexts, and the data directory. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CliError, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { contextsFile, readContexts, type ClusterEntry } from './contexts.ts';
import { isAlive, readEndpoint } from './endpoint-file.ts';

/** The token of the first admin of a cluster on this machine, in its data directory. */
export const adminTokenFile = 'admin-token';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Where {
  /** An endpoint that was named by option or variable. */
  readonly endpoint?: string | undefined;
  readonly dataDir: string;
  /** Whether somebody said which data directory, so that the current context does not count. */
  readonly dataDirNamed?: boolean;
  readonly context?: string | undefined;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  /** Path of a PEM file. */
  readonly authority?: string | undefined;
  readonly env?: Environment;
  readonly cwd?: string;
}

/** A cluster that can be spoken to. */
export interface Target {
  readonly url: string;
  readonly token?: string;
  /** PEM text of the authorities that vouch for the cluster, beside those that the system trusts. */
  readonly authority?: string;
}

/** "localhost:7070" and "http://localhost:7070/" as a base URL. */
export function endpointUrl(text: string): string {
  const withScheme = /^[a-z]+:\/\//.test(text) ? text : `http://${text}`;
  try {
    const url = new URL(withScheme);
    if (url.protocol === 'http:' || url.protocol === 'https:') return url.origin;
  } catch {
    // Said below.
  }
  throw new CliError(`"${text}" is not an endpoint; one looks like http://127.0.0.1:7070`, exitCodes.usage);
}

/** The first line of a file with a secret. */
export async function readSecret(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CliError(`the token file ${path} cannot be read`, exitCodes.noInput, { cause });
  });
  const secret = text.split('\n', 1)[0]?.trim() ?? '';
  if (secret === '') throw new CliError(`the token file ${path} is empty`, exitCodes.noInput);
  return secret;
}

/** The context that counts: one that was named, or else the current one, when nobody named an endpoint or a data directory. */
async function contextOf({ endpoint, context, dataDirNamed, env = {} }: Where): Promise<ClusterEntry | undefined> {
  if (context === undefined && (endpoint !== undefined || dataDirNamed)) return undefined;
  const { current, contexts } = await readContexts(contextsFile(env));
  const name = context ?? current;
  const found = name === undefined ? undefined : contexts[name];
  if (context !== undefined && found === undefined) throw usageError(`there is no context "${context}"; "verbena context list" shows them`);
  return found;
}

/** The endpoint that was named by option, variable or context; undefined when the cluster is that of the data directory. */
export async function namedEndpoint(where: Where): Promise<string | undefined> {
  return where.endpoint ?? (await contextOf(where))?.endpoint;
}

/** The cluster to speak to, or undefined when none runs on the data directory and no other was named. */
export async function findCluster(where: Where): Promise<Target | undefined> {
  const { env = {}, cwd = '.', dataDir } = where;
  const entry = await contextOf(where);
  const named = where.endpoint ?? entry?.endpoint;
  const local = named === undefined ? await readEndpoint(dataDir) : undefined;
  const url = named !== undefined ? endpointUrl(named) : local && (await isAlive(local)) ? local.url : undefined;
  if (url === undefined) return undefined;
  // An empty variable counts as unset.
  const variable = (name: string): string | undefined => env[name] || undefined;
  const authorityFile =
    where.authority ?? (where.context && entry?.authority) ?? variable('VERBENA_CA') ?? entry?.authority ?? local?.authority;
  const secretIn = (path: string | undefined) => (path === undefined ? undefined : readSecret(resolve(cwd, path)));
  const token =
    where.token ??
    (await secretIn(where.tokenFile)) ??
    (where.context && entry?.token) ??
    variable('VERBENA_TOKEN') ??
    (await secretIn(variable('VERBENA_TOKEN_FILE'))) ??
    entry?.token ??
    (local && (await readSecret(join(dataDir, adminTokenFile)).catch(() => undefined)));
  const authority = authorityFile === undefined ? undefined : await readAuthority(resolve(cwd, authorityFile));
  return { url, ...(token !== undefined && { token }), ...(authority !== undefined && { authority }) };
}

function readAuthority(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CliError(`the certificate authorities in ${path} cannot be read`, exitCodes.noInput, { cause });
  });
}
