/**
 * A log file that stays within bounds: when it is full it becomes `<path>.1`, what was that becomes `<path>.2`, and the oldest is removed. Written at
 * once, so that the last words before a crash are there. What cannot be written is lost, since no service may end for want of a log.
 */
import { closeSync, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

export interface LogFileOptions {
  /** When a file has grown to this many bytes, the next write begins another one. */
  readonly maxBytes?: number;
  /** Older files that are kept. */
  readonly kept?: number;
}

const logFileDefaults = { maxBytes: 8 << 20, kept: 3 };

/** The files of a log, the newest first; some may not exist. */
export function logFilePaths(path: string, kept = logFileDefaults.kept): readonly string[] {
  return [path, ...Array.from({ length: kept }, (_, index) => `${path}.${String(index + 1)}`)];
}

export class LogFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #kept: number;
  #fd: number | undefined;
  #bytes = 0;

  /** The file is opened, and made, at the first write. */
  constructor(path: string, { maxBytes = logFileDefaults.maxBytes, kept = logFileDefaults.kept }: LogFileOptions = {}) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#kept = kept;
  }

  /** Appends; never throws. */
  write(data: string | Uint8Array): void {
    try {
      if (this.#fd !== undefined && this.#bytes >= this.#maxBytes) this.#turn();
      if (this.#fd === undefined) this.#open();
      this.#append(typeof data === 'string' ? Buffer.from(data) : data);
    } catch {
      // A full disk, for example: the next write tries again.
      this.close();
    }
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }

  #open(): void {
    this.#fd = openSync(this.#path, 'a', 0o600);
    this.#bytes = fstatSync(this.#fd).size;
    if (this.#bytes < this.#maxBytes) return;
    this.#turn();
    this.#fd = openSync(this.#path, 'a', 0o600);
    this.#bytes = 0;
  }

  #append(data: Uint8Array): void {
    for (let done = 0; done < data.length && this.#fd !== undefined;) {
      const written = writeSync(this.#fd, data, done);
      done += written;
      this.#bytes += written;
    }
  }

  #turn(): void {
    this.close();
    const paths = logFilePaths(this.#path, this.#kept);
    rmSync(paths.at(-1) ?? this.#path, { force: true });
    for (let older = paths.length - 1; older > 0; older--) {
      const [from, to] = [paths[older - 1], paths[older]];
      if (from !== undefined && to !== undefined) moveIfThere(from, to);
    }
  }
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
