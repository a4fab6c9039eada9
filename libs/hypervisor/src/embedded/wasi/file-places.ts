/** Where the open files of a program that is being suspended are, so that they can be opened again, here or from a copy of its disk. */
import { closeSync, copyFileSync, fstatSync, lstatSync, mkdirSync, openSync, opendirSync, readSync, writeSync, type Stats } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { FilePlace } from '../../suspended.ts';

export interface Located {
  readonly place: FilePlace;
  readonly path: readonly string[];
  readonly unlinked: boolean;
}

const pieceBytes = 1 << 20;

export class FilePlaces {
  readonly #roots: Readonly<Record<FilePlace, string>>;
  readonly #onTemporary: () => void;
  readonly #orphans = new Map<string, Located>();

  /** @param onTemporary called before the temporary directory is made */
  constructor(roots: Readonly<Record<FilePlace, string>>, onTemporary: () => void) {
    this.#roots = roots;
    this.#onTemporary = onTemporary;
  }

  /**
   * A file has its old name, or another, or none: then its content is copied to one that nothing else has.
   * @param host where it was when it was opened
   */
  locate(host: string, fd: number): Located {
    const wanted = fstatSync(fd);
    if (same(lstatSync(host, { throwIfNoEntry: false }), wanted)) return this.#named(host);
    const found = wanted.nlink === 0 ? undefined : (search(this.#roots.scratch, wanted) ?? search(this.#roots.temporary, wanted));
    return found === undefined ? this.#orphan(fd, wanted) : this.#named(found);
  }

  #named(host: string): Located {
    const place: FilePlace = host.startsWith(this.#roots.temporary + sep) ? 'temporary' : 'scratch';
    return { place, path: relative(this.#roots[place], host).split(sep), unlinked: false };
  }

  #orphan(fd: number, stats: Stats): Located {
    const key = `${String(stats.dev)}:${String(stats.ino)}`;
    const known = this.#orphans.get(key);
    if (known !== undefined) return known;
    this.#onTemporary();
    mkdirSync(this.#roots.temporary, { recursive: true, mode: 0o700 });
    for (let number = 0; ; number++) {
      const name = `.unlinked-${String(number)}`;
      const target = join(this.#roots.temporary, name);
      if (lstatSync(target, { throwIfNoEntry: false }) !== undefined) continue;
      copyDescriptor(fd, target);
      const located: Located = { place: 'temporary', path: [name], unlinked: true };
      this.#orphans.set(key, located);
      return located;
    }
  }
}

const same = (a: Stats | undefined, b: Stats): boolean => a !== undefined && a.dev === b.dev && a.ino === b.ino;

/** The descriptor may be open for writing only; /proc opens its file again, and where there is none, it is read as it is. */
function copyDescriptor(fd: number, target: string): void {
  try {
    copyFileSync(`/proc/self/fd/${String(fd)}`, target);
    return;
  } catch {
    // Not Linux, or /proc is not mounted.
  }
  const out = openSync(target, 'w', 0o600);
  try {
    const piece = new Uint8Array(pieceBytes);
    let at = 0;
    for (let count = readSync(fd, piece, 0, pieceBytes, at); count > 0; count = readSync(fd, piece, 0, pieceBytes, at)) {
      writeSync(out, piece, 0, count, at);
      at += count;
    }
  } finally {
    closeSync(out);
  }
}

/** Depth first; symbolic links are not followed. */
function search(directory: string, wanted: Stats): string | undefined {
  if (lstatSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  const entries = opendirSync(directory);
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        const found = search(path, wanted);
        if (found !== undefined) return found;
      } else if (entry.isFile() && same(lstatSync(path, { throwIfNoEntry: false }), wanted)) return path;
    }
  } finally {
    entries.closeSync();
  }
  return undefined;
}
