/** Files that travel with a job: cut into chunks, uploaded where missing, named in the specification. */
import { basename } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { jobv1 } from '@verbena/contracts';
import { chunk } from '@verbena/guest-image';
import type { Session } from '../endpoint/session.ts';
import { usageError } from '../errors.ts';
import { readNamedFile } from './read-image.ts';
import { uploadChunks } from './upload-chunks.ts';

/** "data/grid.txt" appears as "grid.txt"; "data/grid.txt=input/g.txt" as "input/g.txt". */
export function inputName(text: string): { readonly source: string; readonly path: string } {
  const at = text.lastIndexOf('=');
  const source = at > 0 ? text.slice(0, at) : text;
  const path = at > 0 ? text.slice(at + 1) : basename(text);
  const parts = path.split('/');
  if (path === '' || parts.some((part) => part === '' || part === '.' || part === '..'))
    throw usageError(`--input: "${path}" is no path below the working directory`);
  return { source, path };
}

export async function uploadInputs(
  session: Session,
  inputs: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Promise<jobv1.InputFile[]> {
  const files: jobv1.InputFile[] = [];
  for (const { source, path } of inputs.map(inputName)) {
    const bytes = await readNamedFile(source, cwd);
    const chunks = chunk(bytes).map(({ digest, offset, size }) => ({ digest, data: bytes.subarray(offset, offset + size) }));
    await uploadChunks(session, chunks, { signal });
    files.push(create(jobv1.InputFileSchema, { path, size: BigInt(bytes.length), chunks: chunks.map(({ digest }) => digest) }));
  }
  return files;
}
