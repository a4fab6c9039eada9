/**
 * The NATS server of a cluster of processes: the system's own program, on a port of the loopback interface. Each service and each node-agent has a
 * user of its own, with the permissions that the table of the bus gives it.
 */
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { constants } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endWithUs, freePort } from '@verbena/event-store';
import { natsServerConfig, newNatsSecret } from '@verbena/messaging';
import { busServices } from '@verbena/service-kit';
import type { Logger } from 'pino';
import { CliError } from '../../errors.ts';
import { SupervisedProcess } from './supervised.ts';

export interface NatsCredentials {
  readonly user: string;
  readonly password: string;
}

export interface LocalNats {
  readonly url: string;
  readonly process: SupervisedProcess;
  /** Where the server keeps what it keeps; nothing of Verbena's may depend on it. */
  readonly storeDir: string;
  /** The credentials of a service, or of the node-agent of a node. */
  credentialsOf(name: string): NatsCredentials;
}

const readyMs = 10_000;

/** The path of nats-server. @throws {CliError} that says how to get one. */
export async function findNatsServer(path = process.env['PATH'] ?? ''): Promise<string> {
  // Debian installs it for the administrator.
  for (const directory of [...path.split(delimiter), '/usr/sbin', '/usr/local/bin']) {
    if (directory === '') continue;
    const file = join(directory, process.platform === 'win32' ? 'nats-server.exe' : 'nats-server');
    const usable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return file;
  }
  throw new CliError(
    'services in processes of their own need a NATS server, and there is no nats-server on PATH: "apt-get install nats-server" on Debian and ' +
      'Ubuntu, "brew install nats-server" on macOS; without --processes no such server is needed',
  );
}

/** @param nodes ids of the nodes whose node-agents may connect */
export async function startNats(dataDir: string, log: Logger, nodes: readonly string[]): Promise<LocalNats> {
  const command = await findNatsServer();
  const home = join(dataDir, 'nats');
  const storeDir = join(home, 'store');
  await mkdir(home, { recursive: true, mode: 0o700 });
  const secrets = new Map<string, string>();
  for (const name of [...busServices, ...nodes]) secrets.set(name, await keptSecret(join(home, `${name}.seed`)));
  const port = await freePort();
  const configFile = join(home, 'nats.conf');
  const users = [...secrets].map(([name, secret]) => ({
    caller: nodes.includes(name) ? { service: 'node-agent', instance: name } : { service: name },
    secret,
  }));
  const config = `${await natsServerConfig({ users, listen: `127.0.0.1:${String(port)}` })}store_dir: ${JSON.stringify(storeDir)}\n`;
  await writeFile(configFile, config, { mode: 0o600 });
  const supervised = new SupervisedProcess(
    {
      name: 'nats',
      command,
      args: ['-c', configFile],
      environment: () => ({ PATH: process.env['PATH'], ...marks() }),
      logFile: join(dataDir, 'logs', 'nats.log'),
      probe: async (pid) => {
        endWithUs(pid);
        await listens(port);
      },
    },
    log,
  );
  return {
    url: `nats://127.0.0.1:${String(port)}`,
    process: supervised,
    storeDir,
    credentialsOf: (name) => ({ user: name, password: secrets.get(name) ?? '' }),
  };
}

/** What tests find their processes by. */
function marks(): NodeJS.ProcessEnv {
  const { VERBENA_SANDBOX } = process.env;
  return VERBENA_SANDBOX === undefined ? {} : { VERBENA_SANDBOX };
}

/** The same over restarts, so that a service that goes on while we start again may go on. */
async function keptSecret(file: string): Promise<string> {
  const kept = await readFile(file, 'utf8').catch(() => '');
  if (kept !== '') return kept;
  const fresh = await newNatsSecret();
  await writeFile(file, fresh, { mode: 0o600 });
  return fresh;
}

async function listens(port: number): Promise<void> {
  for (const end = performance.now() + readyMs; ;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    if (performance.now() > end) throw new Error(`nats-server does not listen on port ${String(port)}`);
    await delay(10);
  }
}
