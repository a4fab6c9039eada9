/** Guest images as files: what `verbena cc` writes. */
import { readFile } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import { ImageFormatError, readImageFile, type GuestImage } from '@verbena/guest-image';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';

/** Reads a file that the user has named. @throws {CliError} that says what is wrong with it. */
export async function readNamedFile(path: string, cwd: string): Promise<Uint8Array> {
  try {
    return await readFile(resolve(cwd, path));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'is a directory' : code === 'EACCES' ? 'permission denied' : String(code);
    throw new CliError(`${path}: ${why}`, exitCodes.noInput, { cause });
  }
}

export async function readImage(path: string, cwd: string): Promise<GuestImage> {
  const bytes = await readNamedFile(path, cwd);
  try {
    return readImageFile(bytes);
  } catch (cause) {
    if (cause instanceof ImageFormatError) throw new CliError(`${path}: ${cause.message}`, exitCodes.failed, { cause });
    throw cause;
  }
}

/** The name that an image gets in the catalogue when nobody gives one: the file's, in the characters that a name may have. */
export function imageName(path: string): string {
  const name = basename(path, extname(path))
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  return name.slice(0, 60) || 'image';
}
