/** Brings the files that ranks have written to this machine: <directory>/rank-<n>/<path>. */
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { storagev1 } from '@verbena/contracts';
import type { Session } from '../endpoint/session.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { collect } from '../pages.ts';

export interface FetchOptions {
  readonly directory: string;
  readonly cwd: string;
  readonly wanted?: (file: storagev1.OutputFile) => boolean;
  readonly onFile?: (path: string) => void;
}

export interface Fetched {
  readonly files: readonly storagev1.OutputFile[];
  readonly bytes: number;
}

/** Everything that a job has left behind. */
export function filesOf(session: Session, jobId: string): Promise<storagev1.OutputFile[]> {
  const client = session.client(storagev1.OutputService);
  return collect(async (page) => {
    const answer = await client.listFiles({ jobId, ...page });
    return { items: answer.files, next: answer.nextPageToken };
  });
}

export async function fetchFiles(session: Session, jobId: string, options: FetchOptions): Promise<Fetched> {
  const client = session.client(storagev1.OutputService);
  const files = await filesOf(session, jobId);
  const wanted = files.filter(options.wanted ?? (() => true));
  let bytes = 0;
  for (const { rank, path } of wanted) {
    const target = targetOf(resolve(options.cwd, options.directory), rank, path);
    options.onFile?.(`rank-${rank}/${path}`);
    await mkdir(dirname(target), { recursive: true });
    const partial = `${target}.partial`;
    try {
      const pieces = client.getFile({ jobId, rank, path });
      await pipeline(async function* () {
        for await (const { data } of pieces) {
          bytes += data.length;
          yield data;
        }
      }, createWriteStream(partial));
      await rename(partial, target);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  }
  return { files: wanted, bytes };
}

/** The path comes from a guest: it must not lead out of the directory. */
export function targetOf(directory: string, rank: number, path: string): string {
  const below = join(directory, `rank-${rank}`);
  const target = resolve(below, path);
  if (path.includes('\0') || !target.startsWith(below + sep))
    throw new CliError(`rank ${rank} left a file with the path ${JSON.stringify(path)}, which leads out of ${below}`, exitCodes.failed);
  return target;
}
