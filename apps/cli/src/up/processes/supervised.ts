/**
 * A child process that shall run: started again when it ends unasked, however it ended, soon at first and then ever more seldom; stopped in order
 * when it is told to. What it prints goes to a file.
 *
 *   stopped --start--> running --ends unasked--> waiting --after the pause--> running
 *                         \--------------stop, hold---------------> stopped
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { isServingMessage, LogFile } from '@verbena/service-kit';
import type { Logger } from 'pino';

export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Asked at each start. */
  readonly environment: () => NodeJS.ProcessEnv;
  /** Standard output and error are appended to it; it is a `LogFile`. */
  readonly logFile: string;
  /** The child tells by IPC when it serves, and ends when we are gone; otherwise it counts as serving when `probe` says so. */
  readonly probe?: (pid: number) => Promise<void>;
}

export type Facts = Readonly<Record<string, string>>;

const firstPauseMs = 20;
const longestPauseMs = 5_000;

export class SupervisedProcess {
  readonly name: string;
  readonly logFile: string;
  readonly #spec: ProcessSpec;
  readonly #log: Logger;
  readonly #output: LogFile;
  #child: ChildProcess | undefined;
  #wanted = false;
  #pauseMs = firstPauseMs;
  #timer: NodeJS.Timeout | undefined;
  #serving = Promise.withResolvers<Facts>();
  /** How often it was started. */
  starts = 0;

  constructor(spec: ProcessSpec, log: Logger) {
    this.name = spec.name;
    this.logFile = spec.logFile;
    this.#spec = spec;
    this.#log = log;
    this.#output = new LogFile(spec.logFile);
  }

  /** The id of the process that runs now. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when it serves, with what it says of itself; anew after each start. */
  serving(): Promise<Facts> {
    return this.#serving.promise;
  }

  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#pauseMs = firstPauseMs;
    this.#spawn();
  }

  /** Sends a signal; what ends by it is started again. Resolves when that process has ended, where the signal ends it. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** Ends it, and does not start it again until `start`. After the grace it is killed. @returns whether it ended in order. */
  async stop(graceMs: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<boolean> {
    this.#wanted = false;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return true;
    // With all that it has printed.
    const ended = once(child, 'close') as Promise<[number | null]>;
    child.kill(signal);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, graceMs);
    const [code] = await ended;
    clearTimeout(timer);
    return !late && code === 0;
  }

  #spawn(): void {
    const { command, args, environment, probe } = this.#spec;
    // A process group of its own: Ctrl-C at the terminal is for us, and we stop our children in their order.
    const child = spawn(command, args, {
      cwd: '/',
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe', ...(probe === undefined ? ['ipc' as const] : [])],
      detached: true,
    });
    for (const output of [child.stdout, child.stderr]) output?.on('data', (data: Buffer) => this.#output.write(data));
    this.starts++;
    this.#child = child;
    child.once('error', (err) => {
      this.#log.error({ err, process: this.name }, `${this.name} cannot be started`);
      if (child.pid === undefined) this.#ended(child, 'it cannot be started');
    });
    child.once('exit', (code, signal) => this.#ended(child, signal ?? `code ${String(code)}`));
    if (probe === undefined) child.on('message', (message) => isServingMessage(message) && this.#serves(child, message.facts));
    else if (child.pid !== undefined)
      probe(child.pid).then(
        () => this.#serves(child, {}),
        () => undefined,
      );
    this.#log.debug({ process: this.name, pid: child.pid }, `${this.name} has been started`);
  }

  #serves(child: ChildProcess, facts: Facts): void {
    if (this.#child !== child) return;
    this.#pauseMs = firstPauseMs;
    this.#serving.resolve(facts);
  }

  #ended(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#serving.promise.catch(() => undefined);
    // Whoever waits for it to serve waits on; who asks from now on waits for the next one.
    const waiting = this.#serving;
    this.#serving = Promise.withResolvers<Facts>();
    this.#serving.promise.then(waiting.resolve, waiting.reject);
    if (!this.#wanted) return;
    this.#log.warn({ process: this.name, how, againInMs: this.#pauseMs }, `${this.name} ended (${how}) and is started again`);
    this.#timer = setTimeout(() => this.#wanted && this.#spawn(), this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }
}
