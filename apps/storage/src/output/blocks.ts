/** Reading the file of an output log. */
import { open, type FileHandle } from 'node:fs/promises';
import { StorageError } from '../errors.ts';
import { decodeHeader, headerBytes, isIntact, type OutputRecord } from './record.ts';

const blockBytes = 256 * 1024;

/** Whether a record begins at a position, or the log ends there. */
export async function isPlace(file: FileHandle | undefined, position: number, length: number): Promise<boolean> {
  if (file === undefined) return position === length;
  const header = decodeHeader(await readAt(file, position, headerBytes));
  return header !== undefined && isIntact(await readAt(file, position, headerBytes + header.length));
}

/** The whole records within a block from a position on; at least one, since the block is as large as the largest. */
export async function readBlock(file: FileHandle, position: number, end: number): Promise<{ records: OutputRecord[]; bytes: number }> {
  let block = await readAt(file, position, Math.min(blockBytes, end - position));
  const first = decodeHeader(block);
  if (first !== undefined && headerBytes + first.length > block.length) block = await readAt(file, position, headerBytes + first.length);
  const records: OutputRecord[] = [];
  let bytes = 0;
  for (;;) {
    const rest = block.subarray(bytes);
    const header = decodeHeader(rest);
    if (header === undefined || headerBytes + header.length > rest.length) break;
    const { rank, stream, attempt, offset, length, copied } = header;
    records.push({ rank, stream, attempt, offset, data: rest.subarray(headerBytes, headerBytes + length), ...(copied && { copied }) });
    bytes += headerBytes + length;
  }
  if (bytes === 0) throw new StorageError('corrupt', `an output log is not readable from byte ${position} on: it was changed on the disk`);
  return { records, bytes };
}

/** All records of a file up to a place, in blocks. */
export async function* recordsIn(path: string, end: number): AsyncGenerator<readonly OutputRecord[]> {
  if (end === 0) return;
  const file = await open(path, 'r');
  try {
    for (let position = 0; position < end;) {
      const { records, bytes } = await readBlock(file, position, end);
      position += bytes;
      yield records;
    }
  } finally {
    await file.close();
  }
}

export async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}
