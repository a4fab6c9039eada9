/**
 * The virtual disk: the guest's "/" is a directory of the host, and nothing outside can be named. A path is first brought to a list of plain
 * names ("." dropped, ".." taking one name away, never above the root), then walked one name at a time, and every name on the way must be a
 * real directory: symbolic links are never followed and cannot be made. /tmp is a directory of its own that lives as long as the program,
 * unless the root holds a "tmp". /image holds the files that came with the program, if any did, and cannot be changed.
 */
import { constants, existsSync, lstatSync, mkdirSync, openSync, renameSync, rmdirSync, unlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { Descriptor, factsOf, type FileFacts } from './descriptor.ts';
import { Directory } from './directory.ts';
import { WasiError } from './errno.ts';
import { HostFile } from './host-file.ts';
import type { ImageTree } from './image-tree.ts';
import { fdFlag, fileType, openFlag } from './layouts.ts';
import { inodeBytes, Quota } from './quota.ts';

/** Names from the guest's root to a file; [] is the root. */
export type GuestPath = readonly string[];

const nameBytes = 255;
const depthLimit = 96;

export interface DiskOptions {
  readonly root: string;
  /** Made when the program first uses /tmp; the owner of the disk removes it. */
  readonly temporary: string;
  readonly limitBytes: number;
  /** Called once, before the first file under /tmp is made. */
  readonly onTemporary: () => void;
  /** A device for the names under /dev, or undefined. */
  readonly device: (name: string) => Descriptor | undefined;
  /** What /image shows. */
  readonly image?: ImageTree;
}

export interface OpenRequest {
  readonly flags: number;
  readonly fdFlags: number;
  readonly read: boolean;
  readonly write: boolean;
}

export class Disk {
  readonly #options: DiskOptions;
  readonly quota: Quota;
  #temporaryMade = false;

  constructor(options: DiskOptions) {
    this.#options = options;
    this.quota = new Quota(options.limitBytes, [options.root, options.temporary]);
  }

  /** Names from the root, from a directory's and a path that the guest gave. */
  resolve(base: GuestPath, path: string): GuestPath {
    if (path === '') throw new WasiError('noent');
    if (path.includes('\0')) throw new WasiError('ilseq');
    const names = path.startsWith('/') ? [] : [...base];
    for (const name of path.split('/')) {
      if (name === '' || name === '.') continue;
      if (name === '..') names.pop();
      else if (Buffer.byteLength(name) > nameBytes) throw new WasiError('nametoolong');
      else names.push(name);
    }
    if (names.length > depthLimit) throw new WasiError('nametoolong');
    return names;
  }

  /** The host's path of a file whose parent directories all exist. The file itself need not. */
  #locate(path: GuestPath): string {
    if (this.#image(path) !== undefined) throw new WasiError('rofs');
    let at = this.#options.root;
    let names = path;
    if (path[0] === 'tmp' && !existsSync(join(at, 'tmp'))) {
      this.#makeTemporary();
      at = this.#options.temporary;
      names = path.slice(1);
    }
    const last = names.at(-1);
    for (const name of names.slice(0, -1)) {
      at = join(at, name);
      const stats = lstatSync(at);
      if (stats.isSymbolicLink()) throw new WasiError('loop');
      if (!stats.isDirectory()) throw new WasiError('notdir');
    }
    return last === undefined ? at : join(at, last);
  }

  #makeTemporary(): void {
    if (this.#temporaryMade) return;
    this.#options.onTemporary();
    mkdirSync(this.#options.temporary, { recursive: true, mode: 0o700 });
    this.#temporaryMade = true;
  }

  #device(path: GuestPath): Descriptor | undefined {
    return path.length === 2 && path[0] === 'dev' ? this.#options.device(path[1] ?? '') : undefined;
  }

  /** The tree that a path lies in, when it leads to /image and no directory of that name hides it. */
  #image(path: GuestPath): ImageTree | undefined {
    const { image, root } = this.#options;
    return image === undefined || image.empty || path[0] !== 'image' || existsSync(join(root, 'image')) ? undefined : image;
  }

  open(path: GuestPath, request: OpenRequest): Descriptor {
    const image = this.#image(path);
    if (image !== undefined) {
      const write = request.write || (request.flags & (openFlag.create | openFlag.truncate)) !== 0;
      return image.open(path, path.slice(1), { write, directory: (request.flags & openFlag.directory) !== 0 });
    }
    const device = this.#device(path);
    if (device !== undefined) {
      if ((request.flags & openFlag.directory) !== 0) throw new WasiError('notdir');
      return device;
    }
    const host = this.#locate(path);
    const stats = lstatSync(host, { throwIfNoEntry: false });
    if (stats === undefined && (request.flags & openFlag.create) === 0) throw new WasiError('noent');
    if (stats?.isSymbolicLink() === true) throw new WasiError('loop');
    if (stats !== undefined && (request.flags & openFlag.create) !== 0 && (request.flags & openFlag.exclusive) !== 0)
      throw new WasiError('exist');
    if (stats?.isDirectory() === true) return this.#openDirectory(path, host, request);
    if ((request.flags & openFlag.directory) !== 0) throw new WasiError(stats === undefined ? 'inval' : 'notdir');
    if (stats?.isFile() === false) throw new WasiError('acces');
    return this.#openFile(host, stats, request);
  }

  #openDirectory(path: GuestPath, host: string, { flags, write }: OpenRequest): Descriptor {
    if ((flags & openFlag.create) !== 0 || (write && (flags & openFlag.directory) === 0)) throw new WasiError('isdir');
    return new Directory(path, host);
  }

  #openFile(host: string, stats: Stats | undefined, { flags, fdFlags, read, write }: OpenRequest): Descriptor {
    if (write || (flags & openFlag.truncate) !== 0) this.quota.prepare();
    let how = constants.O_NOFOLLOW | (write ? (read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY);
    if ((fdFlags & (fdFlag.dsync | fdFlag.sync)) !== 0) how |= constants.O_SYNC;
    if (stats === undefined) {
      this.quota.charge(inodeBytes);
      how |= constants.O_CREAT | constants.O_EXCL;
    }
    const fd = this.#hostOpen(host, how, stats === undefined);
    const file = new HostFile(host, fd, this.quota, { read, write });
    try {
      if ((flags & openFlag.truncate) !== 0 && stats !== undefined && stats.size > 0) this.#truncate(host, file, write);
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  #truncate(host: string, file: HostFile, write: boolean): void {
    if (write) return file.truncate(0);
    const other = new HostFile(host, openSync(host, constants.O_NOFOLLOW | constants.O_WRONLY), this.quota, { read: false, write: true });
    other.truncate(0);
    other.close();
  }

  #hostOpen(host: string, how: number, creates: boolean): number {
    try {
      return openSync(host, how, 0o666);
    } catch (error) {
      if (creates) this.quota.refund(inodeBytes);
      throw error;
    }
  }

  /** Facts of a file by its path; a symbolic link that lies on the disk is shown as such. */
  facts(path: GuestPath): FileFacts {
    const device = this.#device(path);
    if (device !== undefined) return device.facts();
    const image = this.#image(path);
    if (image !== undefined) return image.facts(path.slice(1));
    if (path.length === 1 && path[0] === 'dev' && !existsSync(join(this.#options.root, 'dev')))
      return { ...new Descriptor(fileType.directory).facts(), inode: 1n };
    return factsOf(lstatSync(this.#locate(path)));
  }

  /** The host's path of an existing file that is no link, for changing its times. */
  existing(path: GuestPath): string {
    const host = this.#locate(path);
    if (lstatSync(host).isSymbolicLink()) throw new WasiError('loop');
    return host;
  }

  createDirectory(path: GuestPath): void {
    if (path.length === 0) throw new WasiError('exist');
    if (path.length === 1 && path[0] === 'tmp') throw new WasiError('exist');
    const host = this.#locate(path);
    this.quota.charge(inodeBytes);
    try {
      mkdirSync(host, 0o777);
    } catch (error) {
      this.quota.refund(inodeBytes);
      throw error;
    }
  }

  removeDirectory(path: GuestPath): void {
    const host = this.#removable(path);
    rmdirSync(host);
    this.quota.refund(inodeBytes);
  }

  unlink(path: GuestPath): void {
    const host = this.#removable(path);
    const stats = lstatSync(host);
    if (stats.isDirectory()) throw new WasiError('isdir');
    unlinkSync(host);
    this.quota.removed(stats);
  }

  /** Takes away the name of a file, given as the host's path, that only its descriptors should keep. */
  unlinkOpen(host: string): void {
    const stats = lstatSync(host);
    unlinkSync(host);
    this.quota.removed(stats);
  }

  rename(from: GuestPath, to: GuestPath): void {
    const [source, target] = [this.#removable(from), this.#removable(to)];
    const replaced = source === target ? undefined : lstatSync(target, { throwIfNoEntry: false });
    const moved = lstatSync(source);
    if (replaced !== undefined && moved.dev === replaced.dev && moved.ino === replaced.ino) return;
    renameSync(source, target);
    if (replaced !== undefined) this.quota.removed(replaced);
  }

  /** The root and /tmp themselves stay. */
  #removable(path: GuestPath): string {
    if (path.length === 0) throw new WasiError('busy');
    this.quota.prepare();
    const host = this.#locate(path);
    if (host === this.#options.temporary) throw new WasiError('busy');
    return host;
  }
}
