/** The server's process: started on a free port of the loopback interface, known to be ready by its own pid file, stopped in order. */
import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile, rm, stat, truncate } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Account } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';
import { serverEnvironment } from './cluster.ts';
import { commandOf, isGone } from './processes.ts';

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** Resolves when the process has ended, whoever ended it. */
  readonly ended: Promise<void>;
  /** Fast shutdown: transactions are rolled back, data is written; after 10 s without that, an immediate one, after which the log is replayed. */
  stop(): Promise<void>;
}

export interface PostmasterOptions {
  readonly binaries: PostgresBinaries;
  readonly directory: string;
  readonly logFile: string;
  readonly account: Account | undefined;
  readonly port: number;
  /** How long recovery may take, in milliseconds. */
  readonly readyMs: number;
}

const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '60',
  shared_buffers: '32MB',
  max_wal_size: '256MB',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // A cluster with one busy writer: what two processes at most shall do at once on a small machine.
  max_parallel_workers_per_gather: '0',
};

export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { binaries, directory, logFile, account, port } = options;
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = await openLog(logFile);
  let child: ChildProcess;
  try {
    // A process group of its own: Ctrl-C at the terminal is for us, and we stop the server when nobody needs it any more.
    child = spawn(binaries.postgres, ['-D', directory, '-p', String(port), ...flags], {
      ...account,
      cwd: '/',
      env: serverEnvironment(),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
  } finally {
    await log.close();
  }
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  let failure: Error | undefined;
  child.on('error', (error) => {
    failure = error;
    resolve();
  });
  child.on('exit', () => resolve());
  const over = ended.then(() => true as const);
  const deadline = performance.now() + options.readyMs;
  while (!(await isReady(directory, child.pid))) {
    const exited = await Promise.race([over, delay(10)]);
    if (exited === true || performance.now() > deadline) {
      child.kill('SIGQUIT');
      throw new Error(
        `Postgres did not start in ${directory}: ${failure?.message ?? (await lastLines(logFile))}`,
        failure && { cause: failure },
      );
    }
  }
  const pid = child.pid ?? 0;
  // The server must not keep our event loop alive: whoever uses it does.
  child.unref();
  const watcher = endWithUs(pid);
  void ended.then(() => watcher?.kill('SIGKILL'));
  return { pid, port, ended, stop: () => stopProcess(pid) };
}

/** Interrupts a process when we are gone, however we went: `read` returns when our end of the watcher's standard input closes. */
export function endWithUs(pid: number): ChildProcess | undefined {
  if (process.platform === 'win32') return undefined;
  const watcher = spawn('/bin/sh', ['-c', 'read _; kill -INT "$1"', 'verbena-postgres-watcher', String(pid)], {
    cwd: '/',
    env: serverEnvironment(),
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell, a server that is left behind is stopped at the next start.
  watcher.on('error', () => undefined);
  watcher.unref();
  if (watcher.stdin instanceof Socket) watcher.stdin.unref();
  return watcher;
}

/**
 * Ends a server that an owner who was killed has left behind.
 * @returns whether there was one.
 */
export async function stopLeftover(directory: string): Promise<boolean> {
  const pidFile = join(directory, 'postmaster.pid');
  const [first] = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n');
  const pid = Number(first);
  if (!Number.isSafeInteger(pid) || pid <= 1) return false;
  const command = await commandOf(pid);
  // A dead server's file stays: by it, Postgres finds children of that server which still live, and waits for them.
  if (command === undefined) return false;
  if (!command.includes(directory)) {
    // The pid is somebody else's by now, whom Postgres would take for a server.
    await rm(pidFile, { force: true });
    return false;
  }
  await stopProcess(pid);
  return true;
}

async function stopProcess(pid: number): Promise<void> {
  for (const [signal, withinMs] of [
    ['SIGINT', 10_000],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    if (await isGone(pid, withinMs)) return;
  }
  throw new Error(`the Postgres process ${pid} cannot be ended`);
}

/** postmaster.pid: line 1 is the pid, line 8 the status (Postgres, miscadmin.h, LOCK_FILE_LINE_PM_STATUS). */
async function isReady(directory: string, pid: number | undefined): Promise<boolean> {
  const lines = (await readFile(join(directory, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

/** A port of the loopback interface that nobody has at the moment; somebody else may take it before it is used. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('a listening socket has no port');
  return address.port;
}

const longestLog = 1 << 20;

async function openLog(path: string) {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > longestLog) await truncate(path);
  return open(path, 'a', 0o600);
}

async function lastLines(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-3).join('; ') || 'it wrote no log';
}
