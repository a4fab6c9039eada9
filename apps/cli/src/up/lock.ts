/** One cluster a data directory. */
import { mkdir } from 'node:fs/promises';

import { isAlive, readEndpoint } from '../endpoint/endpoint-file.ts';
import { CliError } from '../errors.ts';

export interface DataLock {
  release(): Promise<void>;
}

/** @throws {CliError} that says which process has the directory, and how to reach or stop it. */
export async function lockDataDirectory(dataDir: string): Promise<DataLock> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  try {
    const { lockDirectory } = await import('@verbena/event-store');
    return await lockDirectory(dataDir);
  } catch (cause) {
    const running = await readEndpoint(dataDir);
    if (running && (await isAlive(running)))
      throw new CliError(
        `a cluster is up already for ${dataDir}: process ${running.pid}, at ${running.url}. "verbena down" stops it; --data-dir chooses another directory`,
        undefined,
        {
          cause,
        },
      );
    throw cause;
  }
}
