/** Structures of WASI preview 1 in guest memory (witx, wasm32 layout). */
import { struct, u16, u32, u64, u8 } from '@verbena/binary';

export const fileType = {
  unknown: 0,
  blockDevice: 1,
  characterDevice: 2,
  directory: 3,
  regular: 4,
  socketStream: 6,
  symbolicLink: 7,
} as const;

export const fdFlag = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;
export const openFlag = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const;
export const timeFlag = { accessed: 1, accessedNow: 2, modified: 4, modifiedNow: 8 } as const;
export const allRights = 0x1fff_ffffn;
export const right = { read: 1n << 1n, seek: 1n << 2n, tell: 1n << 5n, write: 1n << 6n } as const;

export const fdstat = struct('fdstat', { fileType: u8, flags: u16, rights: u64, inheriting: u64 }, 24);

export const filestat = struct(
  'filestat',
  { device: u64, inode: u64, fileType: u8, links: u64, size: u64, accessed: u64, modified: u64, changed: u64 },
  64,
);

export const prestat = struct('prestat', { tag: u8, nameLength: u32 }, 8);

export const dirent = struct('dirent', { next: u64, inode: u64, nameLength: u32, fileType: u8 }, 24);

export const subscription = struct(
  'subscription',
  { userdata: u64, tag: u8, reserved: u32, target: u32, timeout: u64, precision: u64, flags: u16 },
  48,
);

export const event = struct('event', { userdata: u64, error: u16, type: u8, bytes: u64, flags: u16 }, 32);

export const clockId = { realtime: 0, monotonic: 1, processCpu: 2, threadCpu: 3 } as const;
