/** Calls on files by name. Every name is relative to an open directory, and stays under the root of the virtual disk. */
import { lutimesSync } from 'node:fs';
import type { WasiContext } from './context.ts';
import { Directory } from './directory.ts';
import type { GuestPath } from './disk.ts';
import { errno, WasiError } from './errno.ts';
import { timesOf } from './fd-calls.ts';
import { filestat, right } from './layouts.ts';

const pathBytes = 4096;

export function pathCalls({ vmm, fds, disk }: WasiContext) {
  const { memory } = vmm;

  const pathAt = (fd: number, address: number, length: number): GuestPath => {
    const directory = fds.get(fd);
    if (!(directory instanceof Directory)) throw new WasiError('notdir');
    if (length >>> 0 > pathBytes) throw new WasiError('nametoolong');
    let text: string;
    try {
      text = memory.text(address, length);
    } catch (error) {
      if (error instanceof TypeError) throw new WasiError('ilseq');
      throw error;
    }
    return disk.resolve(directory.path, text);
  };

  return {
    path_open: (
      fd: number,
      _lookup: number,
      path: number,
      length: number,
      flags: number,
      rights: bigint,
      _inheriting: bigint,
      fdFlags: number,
      result: number,
    ): number => {
      memory.u32(result);
      fds.nextFree();
      const file = disk.open(pathAt(fd, path, length), {
        flags,
        fdFlags,
        read: (rights & right.read) !== 0n,
        write: (rights & right.write) !== 0n,
      });
      file.flags = fdFlags & 0x1f;
      memory.setU32(result, fds.add(file));
      return errno.success;
    },
    path_filestat_get: (fd: number, _lookup: number, path: number, length: number, result: number) => {
      const facts = disk.facts(pathAt(fd, path, length));
      const { view, offset } = memory.at(result, filestat.size);
      filestat.write(view, offset, facts);
      return errno.success;
    },
    path_filestat_set_times: (
      fd: number,
      _lookup: number,
      path: number,
      length: number,
      accessed: bigint,
      modified: bigint,
      flags: number,
    ) => {
      const names = pathAt(fd, path, length);
      lutimesSync(disk.existing(names), ...timesOf(disk.facts(names), accessed, modified, flags));
      return errno.success;
    },
    path_create_directory: (fd: number, path: number, length: number) => {
      disk.createDirectory(pathAt(fd, path, length));
      return errno.success;
    },
    path_remove_directory: (fd: number, path: number, length: number) => {
      disk.removeDirectory(pathAt(fd, path, length));
      return errno.success;
    },
    path_unlink_file: (fd: number, path: number, length: number) => {
      disk.unlink(pathAt(fd, path, length));
      return errno.success;
    },
    path_rename: (fromFd: number, from: number, fromLength: number, toFd: number, to: number, toLength: number) => {
      disk.rename(pathAt(fromFd, from, fromLength), pathAt(toFd, to, toLength));
      return errno.success;
    },
    /** Nothing on the disk is a link: an existing file is the wrong kind. */
    path_readlink: (fd: number, path: number, length: number) => {
      disk.facts(pathAt(fd, path, length));
      return errno.inval;
    },
    path_symlink: () => errno.perm,
    path_link: () => errno.perm,
  };
}
