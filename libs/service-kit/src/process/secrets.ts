/**
 * The secrets of a deployment: a directory for each process that reads any, made on first use and kept from then on. What has to agree, agrees:
 * the secret of a service and what the NATS server knows of it, the database's password and the URLs with it.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { natsServerConfig, newNatsSecret, type Caller, type NatsServerUser } from '@verbena/messaging';

export interface SecretsOptions {
  /** Ids of the nodes. */
  readonly nodes: readonly string[];
  /** Where the database is reached, "postgres:5432"; the user and the database are called "verbena". */
  readonly database: string;
}

/** Services that hold credentials of the database. */
export const databaseServices = ['storage', 'image-manager', 'migration-controller', 'scheduler'] as const;
export const busServices = [...databaseServices, 'frontend-gateway'] as const;

/**
 * Writes what is missing below `directory`: <service>/nats-password, <service>/database-url, <node>/fabric-secret, postgres/password and
 * nats/nats.conf. The files can be read by all, since the directory of each reader is given to that one alone.
 * @returns the paths of the files that were written, below `directory`
 */
export async function writeSecrets(directory: string, { nodes, database }: SecretsOptions): Promise<readonly string[]> {
  const written: string[] = [];
  const kept = async (path: string, make: () => string | Promise<string>): Promise<string> => {
    const found = await readFile(join(directory, path), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    if (found !== '') return found;
    const fresh = await make();
    await replace(join(directory, path), fresh);
    written.push(path);
    return fresh;
  };
  const secret = (): string => randomBytes(24).toString('base64url');
  const databasePassword = await kept('postgres/password', secret);
  for (const service of databaseServices)
    await kept(`${service}/database-url`, () => `postgresql://verbena:${databasePassword}@${database}/verbena`);
  // One secret for all nodes: by it they know each other.
  const first = nodes[0];
  const fabricSecret = first === undefined ? '' : await kept(`${first}/fabric-secret`, secret);
  for (const node of nodes) await kept(`${node}/fabric-secret`, () => fabricSecret);
  const users: NatsServerUser[] = [];
  const callers: Caller[] = [
    ...busServices.map((service) => ({ service })),
    ...nodes.map((instance) => ({ service: 'node-agent', instance })),
  ];
  for (const caller of callers)
    users.push({ caller, secret: await kept(`${caller.instance ?? caller.service}/nats-password`, newNatsSecret) });
  // Written anew each time, so that it has the users of today.
  await replace(join(directory, 'nats/nats.conf'), await natsServerConfig({ users, listen: '0.0.0.0:4222', monitor: '127.0.0.1:8222' }));
  written.push('nats/nats.conf');
  return written;
}

/** Whole or not at all, so that a reader never sees half a secret. */
async function replace(path: string, text: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(`${path}.new`, text, { mode: 0o444 });
  await rename(`${path}.new`, path);
}
