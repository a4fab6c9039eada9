/**
 * endpoint.json in a data directory says where the cluster that uses it listens. It is written whole or not at all, by whoever holds the
 * directory's lock, and removed when that one stops. After a kill -9 it stays; the process id and its start time then tell that it is stale.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Endpoint {
  readonly url: string;
  readonly pid: number;
  /** When the process started, as the system counts; undefined where the system does not tell. */
  readonly started?: string;
  readonly version: string;
  /** Path of a PEM file with the authorities that vouch for the cluster, when it speaks TLS with a certificate of its own. */
  readonly authority?: string;
  readonly startedAt: string;
}

const fileName = 'endpoint.json';

export async function writeEndpoint(dataDir: string, endpoint: Endpoint): Promise<void> {
  const path = join(dataDir, fileName);
  const aside = `${path}.${randomUUID()}`;
  await writeFile(aside, `${JSON.stringify(endpoint, null, 2)}\n`, { mode: 0o600 });
  await rename(aside, path);
}

/** What the file says, or undefined when there is none or it makes no sense. */
export async function readEndpoint(dataDir: string): Promise<Endpoint | undefined> {
  try {
    const endpoint = JSON.parse(await readFile(join(dataDir, fileName), 'utf8')) as Partial<Endpoint>;
    return typeof endpoint.url === 'string' && typeof endpoint.pid === 'number' ? (endpoint as Endpoint) : undefined;
  } catch {
    return undefined;
  }
}

/** Removes the file if it is still the one of this process. */
export async function removeEndpoint(dataDir: string, pid: number): Promise<void> {
  if ((await readEndpoint(dataDir))?.pid === pid) await rm(join(dataDir, fileName), { force: true });
}

/** When a process started, in clock ticks since boot: field 22 of /proc/<pid>/stat (proc(5)). Undefined where there is no such file. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses, which may contain anything; the fields after it start behind the last one.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Whether the process that wrote the file still runs: the same process, not another that was given its id. */
export async function isAlive(endpoint: Endpoint): Promise<boolean> {
  try {
    process.kill(endpoint.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = await startTimeOf(endpoint.pid);
  return endpoint.started === undefined || now === undefined || now === endpoint.started;
}
