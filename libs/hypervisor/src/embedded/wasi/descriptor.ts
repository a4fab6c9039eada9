import type { Stats } from 'node:fs';
import { WasiError } from './errno.ts';
import type { FilePlaces } from './file-places.ts';
import type { OpenFile } from '../../suspended.ts';
import { fileType } from './layouts.ts';

/** What a descriptor keeps of itself when its program is suspended, but for its number and its flags. */
export type Kept = OpenFile extends infer Each ? (Each extends OpenFile ? Omit<Each, 'fd' | 'flags'> : never) : never;

/** What stat() tells. Times in nanoseconds since 1970. */
export interface FileFacts {
  readonly device: bigint;
  readonly inode: bigint;
  readonly fileType: number;
  readonly links: bigint;
  readonly size: bigint;
  readonly accessed: bigint;
  readonly modified: bigint;
  readonly changed: bigint;
}

/** Where a read or write happens: at the description's own offset, which then moves, or at a given one. */
export type Position = number | 'current';

/** An open file of a guest. Each method refuses with the error number that POSIX gives for a file that cannot do it. */
export class Descriptor {
  readonly type: number;
  /** FD flags (append, nonblock, ...), as the guest set them. */
  flags = 0;

  constructor(type: number) {
    this.type = type;
  }

  get seekable(): boolean {
    return false;
  }
  /** @returns the number of bytes read, 0 at the end of the file */
  read(_into: Uint8Array, _position: Position): number {
    throw new WasiError('badf');
  }
  /** @returns the number of bytes written */
  write(_data: Uint8Array, _position: Position): number {
    throw new WasiError('badf');
  }
  /** @returns the new offset */
  seek(_offset: number, _whence: number): number {
    throw new WasiError('spipe');
  }
  facts(): FileFacts {
    return { device: 0n, inode: 0n, fileType: this.type, links: 1n, size: 0n, accessed: 0n, modified: 0n, changed: 0n };
  }
  truncate(_size: number): void {
    throw new WasiError('inval');
  }
  allocate(_end: number): void {
    throw new WasiError('spipe');
  }
  setTimes(_accessedSeconds: number, _modifiedSeconds: number): void {
    throw new WasiError('inval');
  }
  sync(): void {
    throw new WasiError('inval');
  }
  close(): void {}
  /** How to open it again. */
  keep(_places: FilePlaces): Kept {
    throw new Error('a descriptor of a kind that cannot be kept: this is a fault of the hypervisor');
  }
}

const nanoseconds = (milliseconds: number): bigint => BigInt(Math.round(milliseconds * 1e6));

export function factsOf(stats: Stats): FileFacts {
  return {
    device: BigInt(stats.dev),
    inode: BigInt(stats.ino),
    fileType: typeOf(stats),
    links: BigInt(stats.nlink),
    size: BigInt(stats.size),
    accessed: nanoseconds(stats.atimeMs),
    modified: nanoseconds(stats.mtimeMs),
    changed: nanoseconds(stats.ctimeMs),
  };
}

export function typeOf(entry: Pick<Stats, 'isFile' | 'isDirectory' | 'isSymbolicLink' | 'isCharacterDevice'>): number {
  if (entry.isFile()) return fileType.regular;
  if (entry.isDirectory()) return fileType.directory;
  if (entry.isSymbolicLink()) return fileType.symbolicLink;
  return entry.isCharacterDevice() ? fileType.characterDevice : fileType.unknown;
}
