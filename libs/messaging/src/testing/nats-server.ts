/** A NATS server for a test: the system's own program, on a port of its own, in a directory that is removed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface TestNatsServer {
  readonly url: string;
  readonly port: number;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with nothing that it knew. */
  restart(): Promise<void>;
  /** SIGSTOP and SIGCONT: a server that is there and says nothing. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Starts a server; `config` is more of its configuration file, after host and port. */
export async function startNatsServer(config = ''): Promise<TestNatsServer> {
  const command = await findNatsServer();
  const dir = await mkdtemp(join(tmpdir(), 'verbena-nats-'));
  let port = -1;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const file = join(dir, 'nats.conf');
    await writeFile(file, `host: "127.0.0.1"\nport: ${port}\nports_file_dir: ${JSON.stringify(dir)}\n${config}\n`, { mode: 0o600 });
    const started = spawn(command, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    child = started;
    let said = '';
    started.stderr.on('data', (text: Buffer) => (said = (said + text.toString()).slice(-4_096)));
    const ports = join(dir, `nats-server_${String(started.pid)}.ports`);
    for (let tries = 0; ; tries++) {
      if (started.exitCode !== null || tries > 500) throw new Error(`nats-server did not start:\n${said}`);
      port = await readFile(ports, 'utf8').then(portOf, () => port);
      if (port > 0 && (await listens(port))) return;
      await delay(10);
    }
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, 'exit');
    running.kill('SIGCONT');
    running.kill(signal);
    await gone;
  };
  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGKILL');
      await start();
    },
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    stop: async () => {
      await end('SIGTERM');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function findNatsServer(): Promise<string> {
  for (const directory of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin']) {
    const file = join(directory, 'nats-server');
    const usable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable && directory !== '') return file;
  }
  throw new Error('there is no nats-server on PATH: apt-get install nats-server');
}

function portOf(ports: string): number {
  // The server may be about to write the rest.
  const url = /"(nats:\/\/[^"]+:\d+)"/.exec(ports)?.[1];
  return url === undefined ? -1 : Number(new URL(url).port);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
