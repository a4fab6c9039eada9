/** A command that runs, as a story wants to see it: what it printed so far, signals to it, and its end. */
import { spawn, type ChildProcess } from 'node:child_process';

export interface Ended {
  /** Exit code, or 128 + the signal's number as a shell would say it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Given to standard input, then closed; without it standard input is empty. */
  readonly stdin?: string | Uint8Array;
  /** Killed after this time, and the story fails. */
  readonly timeoutMs?: number;
}

const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGPIPE: 13, SIGTERM: 15 };
const keptCharacters = 4 << 20;

export class Running {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #command: string;
  #stdout = '';
  #stderr = '';
  #listeners: (() => void)[] = [];

  constructor(file: string, args: readonly string[], options: StartOptions) {
    const began = performance.now();
    this.#command = [file, ...args].join(' ');
    // A process group of its own: what the story interrupts is what a terminal would interrupt.
    this.#child = spawn(file, [...args], { cwd: options.cwd, env: { ...options.env }, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stdin?.end(options.stdin ?? '');
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = (this.#stdout + text).slice(-keptCharacters);
      this.#tell();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-keptCharacters);
      this.#tell();
    });
    this.ended = new Promise((resolve, reject) => {
      const timeoutMs = options.timeoutMs ?? 120_000;
      const timer = setTimeout(() => {
        this.signal('SIGKILL');
        reject(new Error(`${this.#command} was still running after ${String(timeoutMs)} ms\n${this.#stdout}\n${this.#stderr}`));
      }, timeoutMs);
      this.#child.once('error', reject);
      const end = (code: number): void => {
        clearTimeout(timer);
        const seconds = (performance.now() - began) / 1000;
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr, seconds });
        this.#tell();
      };
      this.#child.once('exit', (code, signal) => {
        void closedOrLate(this.#child).then(() => end(code ?? 128 + (signalNumbers[signal ?? ''] ?? 0)));
      });
    });
    this.ended.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** To the process alone, or as Ctrl-C does: to its whole group. */
  signal(signal: NodeJS.Signals, group = false): void {
    const { pid } = this.#child;
    // It could not be started. (A process id of -1 would mean every process of the machine.)
    if (pid === undefined) return;
    try {
      process.kill(group ? -pid : pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Closes our end of its standard output, as `| head` does. */
  stopReading(): void {
    this.#child.stdout?.destroy();
  }

  /** Resolves when the pattern has been printed on either stream; fails when the command ends, or the time is over, without. */
  async printed(pattern: RegExp, timeoutMs = 60_000): Promise<void> {
    const found = (): boolean => pattern.test(this.#stdout) || pattern.test(this.#stderr);
    const without = (why: string): Error =>
      new Error(`${this.#command} ${why} without printing ${String(pattern)}:\n${this.#stdout}\n${this.#stderr}`);
    if (found()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(without('went on')), timeoutMs);
      const check = (): void => {
        if (found()) {
          clearTimeout(timer);
          resolve();
        }
      };
      this.#listeners.push(check);
      void this.ended
        .catch(() => undefined)
        .then(() => {
          clearTimeout(timer);
          if (found()) resolve();
          else reject(without('ended'));
        });
    });
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** All that it printed has been read; or something that it left running holds its output open, and is not waited for. */
function closedOrLate(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 2_000);
    child.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
