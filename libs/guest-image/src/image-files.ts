/**
 * Files that travel with a program. Each is a custom section "verbena.file" at the end of the module, so that the content's digest covers
 * it, and a node that has the module has its files: the length of the path (u32, little endian), the path in UTF-8, then the file's bytes.
 */
import { ImageFormatError } from './errors.ts';

export const IMAGE_FILE_SECTION = 'verbena.file';

export interface ImageFile {
  /** Plain names joined by "/", below the directory /image of the guest. */
  readonly path: string;
  readonly content: Uint8Array;
}

const mostPathBytes = 1024;

/** The custom section of a file, to be put behind a module. @throws ImageFormatError for a path that is not plain */
export function imageFileSection({ path, content }: ImageFile): Uint8Array {
  checkPath(path);
  const name = new TextEncoder().encode(IMAGE_FILE_SECTION);
  const pathBytes = new TextEncoder().encode(path);
  const payload = [...leb128(name.length), ...name, ...new Uint8Array(Uint32Array.of(pathBytes.length).buffer), ...pathBytes];
  return Buffer.concat([Uint8Array.of(0, ...leb128(payload.length + content.length), ...payload), content]);
}

/** Reads what a custom section of that name holds, its name cut off. @throws ImageFormatError when it is not a file */
export function parseImageFile(section: Uint8Array): ImageFile {
  const refuse = (why: string): never => {
    throw new ImageFormatError(`a section "${IMAGE_FILE_SECTION}" of the module ${why}`);
  };
  if (section.length < 4) refuse(`has ${String(section.length)} bytes: the length of a path needs 4`);
  const length = new DataView(section.buffer, section.byteOffset).getUint32(0, true);
  if (length > mostPathBytes || 4 + length > section.length) refuse(`says that its path has ${String(length)} bytes`);
  const path = new TextDecoder().decode(section.subarray(4, 4 + length));
  checkPath(path);
  return { path, content: section.subarray(4 + length) };
}

function checkPath(path: string): void {
  const names = path.split('/');
  const plain = names.every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0'));
  if (!plain || Buffer.byteLength(path) > mostPathBytes)
    throw new ImageFormatError(
      `${JSON.stringify(path)} is no path in an image: plain names joined by "/", ${String(mostPathBytes)} bytes at most`,
    );
}

function leb128(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest & 127) | 128);
  }
}
