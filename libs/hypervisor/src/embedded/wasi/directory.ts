import { lstatSync, opendirSync } from 'node:fs';
import { Descriptor, factsOf, typeOf, type FileFacts, type Kept } from './descriptor.ts';
import { WasiError } from './errno.ts';
import { fileType } from './layouts.ts';

export interface DirectoryEntry {
  readonly name: Uint8Array;
  readonly inode: bigint;
  readonly fileType: number;
}

/** More entries than any program lists, and still little memory. */
const entryLimit = 1_000_000;

/** An open directory. Its entries are read when the guest starts from the beginning, so that a listing is not disturbed by what it finds. */
export class Directory extends Descriptor {
  readonly path: readonly string[];
  readonly #host: string;
  #entries: DirectoryEntry[] | undefined;

  constructor(path: readonly string[], host: string) {
    super(fileType.directory);
    this.path = path;
    this.#host = host;
  }

  /** The entries from number `cookie` on. */
  entriesFrom(cookie: number): readonly DirectoryEntry[] {
    if (cookie === 0 || this.#entries === undefined) this.#entries = this.#readAll();
    return this.#entries.slice(cookie);
  }

  #readAll(): DirectoryEntry[] {
    const encoder = new TextEncoder();
    const own = lstatSync(this.#host);
    const entries: DirectoryEntry[] = ['.', '..'].map((name) => ({
      name: encoder.encode(name),
      inode: BigInt(own.ino),
      fileType: fileType.directory,
    }));
    const directory = opendirSync(this.#host);
    try {
      for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
        if (entries.length >= entryLimit) throw new WasiError('nomem');
        entries.push({ name: encoder.encode(entry.name), inode: 0n, fileType: typeOf(entry) });
      }
    } finally {
      directory.closeSync();
    }
    // In an order that another host gives as well: a listing may be half read when its program moves.
    const byName = ({ name: a }: DirectoryEntry, { name: b }: DirectoryEntry): number => Buffer.compare(a, b);
    return [...entries.slice(0, 2), ...entries.slice(2).sort(byName)];
  }

  override read(): number {
    throw new WasiError('isdir');
  }
  override write(): number {
    throw new WasiError('isdir');
  }
  override facts(): FileFacts {
    return factsOf(lstatSync(this.#host));
  }
  override sync(): void {}
  override keep(): Kept {
    return { kind: 'directory', path: this.path };
  }
}
