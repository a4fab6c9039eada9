/**
 * How much a program may keep on its virtual disk. Every file costs its length (holes included) and a fixed amount for its inode, so that
 * neither bytes nor empty files are without bound. A file that was deleted while it is open counts until its last descriptor is closed.
 */
import { existsSync, fstatSync, lstatSync, opendirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { WasiError } from './errno.ts';

export const inodeBytes = 512;

interface OpenInode {
  descriptors: number;
  deleted: boolean;
}

export class Quota {
  readonly limit: number;
  #used = 0;
  readonly #open = new Map<string, OpenInode>();

  #countExisting: (() => void) | undefined;

  /** @param directories whose files count as well; they are read when the first file is about to change */
  constructor(limit: number, directories: readonly string[]) {
    this.limit = limit;
    this.#countExisting = () => {
      for (const directory of directories) if (existsSync(directory)) this.#countTree(directory);
    };
  }

  get used(): number {
    this.prepare();
    return this.#used;
  }

  /** Counts what is there already. Call it before anything is changed. */
  prepare(): void {
    const count = this.#countExisting;
    this.#countExisting = undefined;
    count?.();
  }

  #countTree(directory: string): void {
    const entries = opendirSync(directory);
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
        const path = join(directory, entry.name);
        this.#used += inodeBytes;
        if (entry.isDirectory()) this.#countTree(path);
        else if (entry.isFile()) this.#used += lstatSync(path).size;
      }
    } finally {
      entries.closeSync();
    }
  }

  /** @throws WasiError ENOSPC when the limit would be passed; nothing is counted then */
  charge(bytes: number): void {
    this.prepare();
    if (this.#used + bytes > this.limit) throw new WasiError('nospc');
    this.#used += bytes;
  }

  refund(bytes: number): void {
    this.#used = Math.max(0, this.#used - bytes);
  }

  opened(fd: number): void {
    const key = keyOf(fstatSync(fd));
    const known = this.#open.get(key);
    if (known === undefined) this.#open.set(key, { descriptors: 1, deleted: false });
    else known.descriptors++;
  }

  /** Call it just before the descriptor is closed. */
  closing(fd: number): void {
    const stats = fstatSync(fd);
    const key = keyOf(stats);
    const known = this.#open.get(key);
    if (known === undefined || --known.descriptors > 0) return;
    this.#open.delete(key);
    if (known.deleted) this.refund(stats.size + inodeBytes);
  }

  /** A directory entry went away: `stats` are the file's from before. */
  removed(stats: Stats): void {
    if (!stats.isFile()) return this.refund(inodeBytes);
    if (stats.nlink > 1) return;
    const known = this.#open.get(keyOf(stats));
    if (known !== undefined) known.deleted = true;
    else this.refund(stats.size + inodeBytes);
  }
}

const keyOf = (stats: Stats): string => `${String(stats.dev)}:${String(stats.ino)}`;
