import { GuestFault } from '../guest-memory.ts';

/** Error numbers of WASI preview 1 (witx `errno`). */
export const errno = {
  success: 0,
  toobig: 1,
  acces: 2,
  again: 6,
  badf: 8,
  busy: 10,
  dquot: 19,
  exist: 20,
  fault: 21,
  fbig: 22,
  ilseq: 25,
  inval: 28,
  io: 29,
  isdir: 31,
  loop: 32,
  mfile: 33,
  mlink: 34,
  nametoolong: 37,
  nfile: 41,
  noent: 44,
  nomem: 48,
  nospc: 51,
  nosys: 52,
  notdir: 54,
  notempty: 55,
  notsock: 57,
  notsup: 58,
  perm: 63,
  rofs: 69,
  spipe: 70,
  xdev: 75,
} as const;

export type ErrnoName = keyof typeof errno;

/** A call that fails with an error number for the guest: nothing is wrong with the host. */
export class WasiError extends Error {
  readonly errno: number;

  constructor(name: ErrnoName) {
    super(name);
    this.name = 'WasiError';
    this.errno = errno[name];
  }
}

const ofHost: Readonly<Record<string, number>> = {
  EACCES: errno.acces,
  EAGAIN: errno.again,
  EBADF: errno.badf,
  EBUSY: errno.busy,
  EDQUOT: errno.dquot,
  EEXIST: errno.exist,
  EFBIG: errno.fbig,
  EINVAL: errno.inval,
  EIO: errno.io,
  EISDIR: errno.isdir,
  ELOOP: errno.loop,
  EMFILE: errno.mfile,
  EMLINK: errno.mlink,
  ENAMETOOLONG: errno.nametoolong,
  ENFILE: errno.nfile,
  ENOENT: errno.noent,
  ENOMEM: errno.nomem,
  ENOSPC: errno.nospc,
  ENOTDIR: errno.notdir,
  ENOTEMPTY: errno.notempty,
  EPERM: errno.perm,
  EROFS: errno.rofs,
  ESPIPE: errno.spipe,
  EXDEV: errno.xdev,
};

/** @returns the error number for the guest, or undefined when the error is none that a guest may cause */
export function errnoOf(error: unknown): number | undefined {
  if (error instanceof WasiError) return error.errno;
  if (error instanceof GuestFault) return errno.fault;
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error)
    return ofHost[error.code] ?? errno.io;
  return undefined;
}
