/** The log of one process, over its older files and on into the newest one, which may become an older one meanwhile. */
import { open, type FileHandle } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { logFilePaths } from '@verbena/service-kit';

const pieceBytes = 64 << 10;
/** A longer line is cut into several. */
const longestLine = 256 << 10;

export class LogTail {
  readonly #path: string;
  /** The oldest first; the last one may still grow. */
  readonly #files: FileHandle[] = [];
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(path: string) {
    this.#path = path;
  }

  /** The lines that are there now and were not given yet. A last line without an end is given when it has one. */
  async *lines(): AsyncGenerator<string> {
    if (this.#files.length === 0) await this.#openAfter(undefined);
    for (let file = this.#files[0]; file !== undefined; file = await this.#following(file)) {
      const piece = Buffer.alloc(pieceBytes);
      for (;;) {
        const { bytesRead } = await file.read(piece, 0, pieceBytes);
        if (bytesRead === 0) break;
        const parts = (this.#rest + this.#decoder.write(piece.subarray(0, bytesRead))).split('\n');
        this.#rest = parts.pop() ?? '';
        if (this.#rest.length > longestLine) parts.push(this.#take());
        yield* parts.filter((line) => line !== '');
      }
    }
  }

  async close(): Promise<void> {
    for (const file of this.#files.splice(0)) await file.close();
  }

  /** What comes after a file that was read to its end. */
  async #following(file: FileHandle): Promise<FileHandle | undefined> {
    if (this.#files.length === 1) await this.#openAfter((await file.stat()).ino);
    if (this.#files.length === 1) return undefined;
    await this.#files.shift()?.close();
    return this.#files[0];
  }

  /** Opens all files that are newer than the one with this inode. */
  async #openAfter(ino: number | undefined): Promise<void> {
    const seen = new Set<number>();
    const newer: FileHandle[] = [];
    // The newest first: one that is moved on meanwhile is met again under its next name.
    for (const path of logFilePaths(this.#path)) {
      const file = await openIfThere(path);
      if (file === undefined) continue;
      const found = (await file.stat()).ino;
      if (found === ino || seen.has(found)) await file.close();
      else newer.unshift(file);
      if (found === ino) break;
      seen.add(found);
    }
    this.#files.push(...newer);
  }

  #take(): string {
    const line = this.#rest;
    this.#rest = '';
    return line;
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
