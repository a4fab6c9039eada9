/** Calls on open files. */
import type { WasiContext } from './context.ts';
import type { FileFacts } from './descriptor.ts';
import { Directory } from './directory.ts';
import { errno, WasiError } from './errno.ts';
import { gathered, ioVectors, transferAll } from './io-vectors.ts';
import { allRights, dirent, fdstat, filestat, fileType, prestat, right, timeFlag } from './layouts.ts';

/** The descriptor of the one directory that a program is given: its root and working directory. */
export const preopenedFd = 3;
const preopenedName = new TextEncoder().encode('/');

/** A file offset or length that the host can count exactly. */
export function exact(value: bigint): number {
  const size = Number(value);
  if (!Number.isSafeInteger(size)) throw new WasiError('fbig');
  if (size < 0) throw new WasiError('inval');
  return size;
}

/** Seconds since 1970 for access and modification, from the arguments of a set_times call. */
export function timesOf(facts: FileFacts, accessed: bigint, modified: bigint, flags: number): [accessed: number, modified: number] {
  const now = Date.now() / 1000;
  const pick = (set: number, setNow: number, given: bigint, old: bigint): number =>
    (flags & setNow) !== 0 ? now : Number((flags & set) !== 0 ? BigInt.asUintN(64, given) : old) / 1e9;
  return [
    pick(timeFlag.accessed, timeFlag.accessedNow, accessed, facts.accessed),
    pick(timeFlag.modified, timeFlag.modifiedNow, modified, facts.modified),
  ];
}

export function fdCalls({ vmm, fds }: WasiContext) {
  const { memory } = vmm;
  const store = (address: number, value: number): number => {
    memory.setU32(address, value);
    return errno.success;
  };
  const read = (fd: number, vectors: number, count: number, from: bigint | 'current', result: number): number => {
    const file = fds.get(fd);
    const at = from === 'current' ? from : exact(from);
    memory.u32(result);
    return store(
      result,
      transferAll(ioVectors(memory, vectors, count), (window, done) => file.read(window, at === 'current' ? at : at + done)),
    );
  };
  const write = (fd: number, vectors: number, count: number, to: bigint | 'current', result: number): number => {
    const file = fds.get(fd);
    const at = to === 'current' ? to : exact(to);
    memory.u32(result);
    return store(
      result,
      transferAll(gathered(ioVectors(memory, vectors, count)), (window, done) => file.write(window, at === 'current' ? at : at + done)),
    );
  };

  const readDirectory = (fd: number, buffer: number, length: number, cookie: bigint, result: number): number => {
    const directory = fds.get(fd);
    if (!(directory instanceof Directory)) throw new WasiError('notdir');
    const room = length >>> 0;
    memory.window(buffer, room);
    let next = exact(cookie);
    let used = 0;
    for (const { name, inode, fileType: type } of directory.entriesFrom(next)) {
      const record = new Uint8Array(dirent.size + name.length);
      record.set(dirent.encode({ next: BigInt(++next), inode, nameLength: name.length, fileType: type }));
      record.set(name, dirent.size);
      const part = record.subarray(0, room - used);
      memory.write((buffer >>> 0) + used, part);
      used += part.length;
      if (used === room) break;
    }
    return store(result, used);
  };

  return {
    fd_read: (fd: number, vectors: number, count: number, result: number) => read(fd, vectors, count, 'current', result),
    fd_pread: (fd: number, vectors: number, count: number, offset: bigint, result: number) => read(fd, vectors, count, offset, result),
    fd_write: (fd: number, vectors: number, count: number, result: number) => write(fd, vectors, count, 'current', result),
    fd_pwrite: (fd: number, vectors: number, count: number, offset: bigint, result: number) => write(fd, vectors, count, offset, result),
    fd_readdir: readDirectory,
    fd_seek: (fd: number, offset: bigint, whence: number, result: number) => {
      const file = fds.get(fd);
      const { view, offset: at } = memory.at(result, 8);
      view.setBigUint64(at, BigInt(file.seek(Number(offset), whence)), true);
      return errno.success;
    },
    fd_tell: (fd: number, result: number) => {
      memory.setU64(result, BigInt(fds.get(fd).seek(0, 1)));
      return errno.success;
    },
    fd_close: (fd: number) => {
      fds.close(fd);
      return errno.success;
    },
    fd_renumber: (from: number, to: number) => {
      fds.renumber(from, to);
      return errno.success;
    },
    fd_sync: (fd: number) => {
      fds.get(fd).sync();
      return errno.success;
    },
    fd_datasync: (fd: number) => {
      fds.get(fd).sync();
      return errno.success;
    },
    fd_advise: (fd: number) => {
      fds.get(fd);
      return errno.success;
    },
    fd_allocate: (fd: number, offset: bigint, length: bigint) => {
      fds.get(fd).allocate(exact(offset) + exact(length));
      return errno.success;
    },
    fd_fdstat_get: (fd: number, result: number) => {
      const file = fds.get(fd);
      // The C library takes a character device without seek and tell for a terminal.
      const rights = file.seekable || file.type === fileType.directory ? allRights : allRights & ~(right.seek | right.tell);
      const { view, offset } = memory.at(result, fdstat.size);
      fdstat.write(view, offset, { fileType: file.type, flags: file.flags, rights, inheriting: allRights });
      return errno.success;
    },
    fd_fdstat_set_flags: (fd: number, flags: number) => {
      fds.get(fd).flags = flags & 0x1f;
      return errno.success;
    },
    fd_fdstat_set_rights: (fd: number) => {
      fds.get(fd);
      return errno.success;
    },
    fd_filestat_get: (fd: number, result: number) => {
      const { view, offset } = memory.at(result, filestat.size);
      filestat.write(view, offset, fds.get(fd).facts());
      return errno.success;
    },
    fd_filestat_set_size: (fd: number, size: bigint) => {
      fds.get(fd).truncate(exact(size));
      return errno.success;
    },
    fd_filestat_set_times: (fd: number, accessed: bigint, modified: bigint, flags: number) => {
      const file = fds.get(fd);
      file.setTimes(...timesOf(file.facts(), accessed, modified, flags));
      return errno.success;
    },
    fd_prestat_get: (fd: number, result: number) => {
      if (fd !== preopenedFd || !(fds.get(fd) instanceof Directory)) return errno.badf;
      const { view, offset } = memory.at(result, prestat.size);
      prestat.write(view, offset, { tag: 0, nameLength: preopenedName.length });
      return errno.success;
    },
    fd_prestat_dir_name: (fd: number, address: number, length: number) => {
      if (fd !== preopenedFd) return errno.badf;
      if (length >>> 0 < preopenedName.length) return errno.nametoolong;
      memory.write(address, preopenedName);
      return errno.success;
    },
  };
}
