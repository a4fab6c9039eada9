/**
 * A place of its own for one story: home with the cluster's data, temporary directory, working directory; and the real CLI in it. Whatever is
 * started carries the sandbox's mark in its environment, so that the story can ask what was left behind, by anyone.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Running, type Ended, type StartOptions } from './process.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const cliPath = join(root, 'apps/cli/bin/verbena.mjs');
const mark = 'VERBENA_SANDBOX';

export class Sandbox {
  readonly dir: string;
  readonly id = randomUUID();

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(): Promise<Sandbox> {
    const sandbox = new Sandbox(await mkdtemp(join(tmpdir(), 'verbena-story-')));
    for (const dir of [sandbox.data, sandbox.temporary, sandbox.work]) await mkdir(dir);
    return sandbox;
  }

  /** The cluster's data directory. */
  get data(): string {
    return join(this.dir, 'data');
  }

  get temporary(): string {
    return join(this.dir, 'tmp');
  }

  get work(): string {
    return join(this.dir, 'work');
  }

  /** Starts `verbena <args>`, in the working directory unless told otherwise. */
  start(args: readonly string[], options: StartOptions = {}): Running {
    const env = { ...inherited(), ...this.environment(), ...options.env };
    return new Running(process.execPath, [cliPath, ...args], { cwd: this.work, ...options, env });
  }

  /** Runs `verbena <args>` to its end. */
  async cli(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return this.start(args, options).ended;
  }

  /** Runs a command with --json and gives what it printed. */
  async json<T>(args: readonly string[], options: StartOptions = {}): Promise<T> {
    const { code, stdout, stderr } = await this.cli([...args, '--json'], options);
    if (code !== 0) throw new Error(`verbena ${args.join(' ')} ended with ${String(code)}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  environment(): Record<string, string> {
    return { [mark]: this.id, VERBENA_DATA_DIR: this.data, TMPDIR: this.temporary, NO_COLOR: '1' };
  }

  /** Process id of the cluster that is up: where `verbena` was started by a launcher, that of the real process. */
  async clusterProcess(): Promise<number> {
    const { pid } = JSON.parse(await readFile(join(this.data, 'endpoint.json'), 'utf8')) as { pid: number };
    return pid;
  }

  /** Writes a file into the working directory and gives its path. */
  async file(name: string, text: string): Promise<string> {
    const path = join(this.work, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, text);
    return path;
  }

  /** Processes started from this sandbox that still live: "pid command line". Empty where there is no /proc. */
  async processes(): Promise<string[]> {
    const found: string[] = [];
    for (const pid of await readdir('/proc').catch(() => [])) {
      if (!/^\d+$/.test(pid)) continue;
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      if (!environment.includes(`${mark}=${this.id}`)) continue;
      found.push(`${pid} ${(await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).replaceAll('\0', ' ').slice(0, 200)}`);
    }
    return found;
  }

  temporaryFiles(): Promise<string[]> {
    return readdir(this.temporary);
  }

  /** Ends every process of the sandbox and removes its files. */
  async destroy(): Promise<void> {
    for (let tries = 0; tries < 20; tries++) {
      const processes = await this.processes();
      if (processes.length === 0) break;
      for (const line of processes) endProcess(Number(line.split(' ')[0]), tries < 5 ? 'SIGTERM' : 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await rm(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function endProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself meanwhile.
  }
}

/** The tester's environment without what would steer Verbena. */
function inherited(): Record<string, string> {
  const dropped = /^(VERBENA_|OTEL_|DATABASE_URL$|NODE_OPTIONS$|VITEST|TMPDIR$)/;
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined || dropped.test(name) ? [] : [[name, value]])),
  );
}
