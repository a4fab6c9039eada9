/** The read-only directory /image of a guest: the files that came with its module, held by the engine with the module's other bytes. */
import type { ImageFile } from '@verbena/guest-image';
import { Descriptor, type FileFacts, type Kept, type Position } from './descriptor.ts';
import { Directory, type DirectoryEntry } from './directory.ts';
import { WasiError } from './errno.ts';
import { fileType } from './layouts.ts';

interface Folder {
  readonly inode: bigint;
  readonly entries: Map<string, Node>;
}
interface Leaf {
  readonly inode: bigint;
  readonly content: Uint8Array;
}
type Node = Folder | Leaf;

const factsOf = (node: Node): FileFacts => ({
  ...{ device: 1n, inode: node.inode, links: 1n, accessed: 0n, modified: 0n, changed: 0n },
  ...('entries' in node ? { fileType: fileType.directory, size: 0n } : { fileType: fileType.regular, size: BigInt(node.content.length) }),
});

class ImageFileDescriptor extends Descriptor {
  readonly #leaf: Leaf;
  readonly #path: readonly string[];
  #offset = 0;

  constructor(leaf: Leaf, path: readonly string[]) {
    super(fileType.regular);
    this.#leaf = leaf;
    this.#path = path;
  }

  override get seekable(): boolean {
    return true;
  }
  override read(into: Uint8Array, position: Position): number {
    const at = position === 'current' ? this.#offset : position;
    const piece = this.#leaf.content.subarray(at, at + into.length);
    into.set(piece);
    if (position === 'current') this.#offset += piece.length;
    return piece.length;
  }
  override seek(offset: number, whence: number): number {
    const base = [0, this.#offset, this.#leaf.content.length][whence] ?? NaN;
    const target = base + offset;
    if (!Number.isSafeInteger(target) || target < 0) throw new WasiError('inval');
    return (this.#offset = target);
  }
  override facts(): FileFacts {
    return factsOf(this.#leaf);
  }
  override setTimes(): void {
    throw new WasiError('rofs');
  }
  override sync(): void {}
  override keep(): Kept {
    return { kind: 'image', path: this.#path, offset: this.#offset };
  }
}

class ImageDirectory extends Directory {
  readonly #folder: Folder;

  constructor(path: readonly string[], folder: Folder) {
    super(path, '');
    this.#folder = folder;
  }

  override entriesFrom(cookie: number): readonly DirectoryEntry[] {
    const own = { inode: this.#folder.inode, fileType: fileType.directory };
    const below = [...this.#folder.entries].map(([name, node]) => ({ name, ...factsOf(node) }));
    return [{ name: '.', ...own }, { name: '..', ...own }, ...below]
      .slice(cookie)
      .map(({ name, inode, fileType: type }) => ({ name: new TextEncoder().encode(name), inode, fileType: type }));
  }
  override facts(): FileFacts {
    return factsOf(this.#folder);
  }
}

export class ImageTree {
  readonly #root: Folder = { inode: 1n, entries: new Map() };
  #inodes = 1n;

  /** A file that comes later takes the place of one of the same path; a path through a file leads nowhere. */
  constructor(files: Iterable<ImageFile>) {
    for (const { path, content } of files) this.#add(path.split('/'), content);
  }

  get empty(): boolean {
    return this.#root.entries.size === 0;
  }

  #add(names: readonly string[], content: Uint8Array): void {
    let folder = this.#root;
    for (const name of names.slice(0, -1)) {
      const next = folder.entries.get(name) ?? { inode: ++this.#inodes, entries: new Map<string, Node>() };
      if (!('entries' in next)) return;
      folder.entries.set(name, next);
      folder = next;
    }
    folder.entries.set(names.at(-1) ?? '', { inode: ++this.#inodes, content });
  }

  #find(names: readonly string[]): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of names) {
      if (!('entries' in node)) throw new WasiError('notdir');
      node = node.entries.get(name);
      if (node === undefined) return undefined;
    }
    return node;
  }

  /** @param path below /image, as `names` says; @param write whether anything would be changed, which nothing can */
  open(path: readonly string[], names: readonly string[], wish: { readonly write: boolean; readonly directory: boolean }): Descriptor {
    const node = this.#find(names);
    if (wish.write) throw new WasiError('rofs');
    if (node === undefined) throw new WasiError('noent');
    if ('entries' in node) return new ImageDirectory(path, node);
    if (wish.directory) throw new WasiError('notdir');
    return new ImageFileDescriptor(node, path);
  }

  facts(names: readonly string[]): FileFacts {
    const node = this.#find(names);
    if (node === undefined) throw new WasiError('noent');
    return factsOf(node);
  }
}
