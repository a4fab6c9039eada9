import { open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Writes a file so that after a crash it is whole or not there: under another name, synced, renamed, and the directory synced, which is what
 * makes the new name last (fsync(2)).
 */
export async function durableWrite(path: string, temporary: string, data: Uint8Array): Promise<void> {
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

export async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory, and makes renames durable by itself.
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The same without syncing: whole or not there when the process dies; after a power failure it may be torn, which its digest tells. */
export async function quickWrite(path: string, temporary: string, data: Uint8Array): Promise<void> {
  try {
    await writeFile(temporary, data, { flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
