/** The table of open files of a program, kept when it is suspended and opened again where it goes on. */
import { constants, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { FilePlace, OpenFile } from '../../suspended.ts';
import type { Descriptor } from './descriptor.ts';
import type { Disk } from './disk.ts';
import type { FdTable } from './fd-table.ts';
import { FilePlaces } from './file-places.ts';
import { HostFile } from './host-file.ts';
import { fdFlag, openFlag } from './layouts.ts';

export interface OpenFilesOptions {
  readonly fds: FdTable;
  readonly disk: Disk;
  readonly roots: Readonly<Record<FilePlace, string>>;
  readonly onTemporary: () => void;
  /** stdin, stdout, stderr and what is under /dev. */
  readonly device: (name: string) => Descriptor | undefined;
}

export function keepOpenFiles({ fds, roots, onTemporary }: OpenFilesOptions): OpenFile[] {
  const places = new FilePlaces(roots, onTemporary);
  return fds.entries().map(([fd, file]) => ({ fd, flags: file.flags, ...file.keep(places) }));
}

/** @throws Error for a file that is not there */
export function reopenFiles(files: readonly OpenFile[], options: OpenFilesOptions): void {
  const { fds, disk } = options;
  const orphans = new Set<string>();
  for (const kept of files) {
    const file = reopened(kept, options, orphans);
    file.flags = kept.flags;
    fds.put(kept.fd, file);
  }
  if (orphans.size > 0) disk.quota.prepare();
  for (const host of orphans) disk.unlinkOpen(host);
}

function reopened(kept: OpenFile, { disk, roots, device }: OpenFilesOptions, orphans: Set<string>): Descriptor {
  if (kept.kind === 'directory') return disk.open(kept.path, { flags: openFlag.directory, fdFlags: 0, read: true, write: false });
  if (kept.kind === 'image') {
    const file = disk.open(kept.path, { flags: 0, fdFlags: 0, read: true, write: false });
    file.seek(kept.offset, 0);
    return file;
  }
  if (kept.kind === 'device') {
    const found = device(kept.name);
    if (found === undefined) throw new Error(`there is no device ${kept.name}`);
    return found;
  }
  const host = join(roots[kept.place], ...kept.path);
  let how = constants.O_NOFOLLOW | (kept.write ? (kept.read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY);
  if ((kept.flags & (fdFlag.dsync | fdFlag.sync)) !== 0) how |= constants.O_SYNC;
  const fd = openSync(host, how);
  if (!fstatSync(fd).isFile()) throw new Error(`${host} is no file`);
  if (kept.unlinked) orphans.add(host);
  return new HostFile(host, fd, disk.quota, { read: kept.read, write: kept.write }, kept.offset);
}
