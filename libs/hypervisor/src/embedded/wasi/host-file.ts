import { closeSync, fstatSync, fsyncSync, ftruncateSync, futimesSync, readSync, writeSync } from 'node:fs';
import { Descriptor, factsOf, type FileFacts, type Kept, type Position } from './descriptor.ts';
import { WasiError } from './errno.ts';
import type { FilePlaces } from './file-places.ts';
import { fdFlag, fileType } from './layouts.ts';
import type { Quota } from './quota.ts';

/** Longest single transfer; a longer one is a short read or write, as POSIX allows. */
const transferLimit = 1 << 30;

/** A regular file of the virtual disk. The offset is kept here, so that the host's never matters. */
export class HostFile extends Descriptor {
  readonly #fd: number;
  readonly #quota: Quota;
  readonly #may: { readonly read: boolean; readonly write: boolean };
  /** Where it was when it was opened; it may have been renamed since. */
  readonly #host: string;
  #offset: number;

  constructor(host: string, fd: number, quota: Quota, may: { readonly read: boolean; readonly write: boolean }, offset = 0) {
    super(fileType.regular);
    this.#host = host;
    this.#offset = offset;
    this.#fd = fd;
    this.#quota = quota;
    this.#may = may;
    quota.opened(fd);
  }

  override get seekable(): boolean {
    return true;
  }

  override read(into: Uint8Array, position: Position): number {
    if (!this.#may.read) throw new WasiError('badf');
    const at = position === 'current' ? this.#offset : position;
    const count = readSync(this.#fd, into, 0, Math.min(into.length, transferLimit), at);
    if (position === 'current') this.#offset += count;
    return count;
  }

  override write(data: Uint8Array, position: Position): number {
    if (!this.#may.write) throw new WasiError('badf');
    const { size } = fstatSync(this.#fd);
    let at = position === 'current' ? this.#offset : position;
    if (position === 'current' && (this.flags & fdFlag.append) !== 0) at = size;
    const length = Math.min(data.length, transferLimit);
    const growth = Math.max(0, at + length - size);
    this.#quota.charge(growth);
    let written = 0;
    try {
      written = writeSync(this.#fd, data, 0, length, at);
    } finally {
      this.#quota.refund(growth - Math.max(0, written > 0 ? at + written - size : 0));
    }
    if (position === 'current') this.#offset = at + written;
    return written;
  }

  override seek(offset: number, whence: number): number {
    const base = whence === 0 ? 0 : whence === 1 ? this.#offset : whence === 2 ? fstatSync(this.#fd).size : NaN;
    const target = base + offset;
    if (!Number.isSafeInteger(target) || target < 0) throw new WasiError('inval');
    return (this.#offset = target);
  }

  override facts(): FileFacts {
    return factsOf(fstatSync(this.#fd));
  }

  override truncate(size: number): void {
    if (!this.#may.write) throw new WasiError('badf');
    const growth = size - fstatSync(this.#fd).size;
    if (growth > 0) this.#quota.charge(growth);
    try {
      ftruncateSync(this.#fd, size);
    } catch (error) {
      if (growth > 0) this.#quota.refund(growth);
      throw error;
    }
    if (growth < 0) this.#quota.refund(-growth);
  }

  override allocate(end: number): void {
    if (end > fstatSync(this.#fd).size) this.truncate(end);
  }

  override setTimes(accessedSeconds: number, modifiedSeconds: number): void {
    futimesSync(this.#fd, accessedSeconds, modifiedSeconds);
  }

  override sync(): void {
    fsyncSync(this.#fd);
  }

  override keep(places: FilePlaces): Kept {
    return { kind: 'file', ...places.locate(this.#host, this.#fd), offset: this.#offset, ...this.#may };
  }

  override close(): void {
    this.#quota.closing(this.#fd);
    closeSync(this.#fd);
  }
}
