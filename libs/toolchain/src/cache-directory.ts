import { accessSync, constants, mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** node_modules/.cache/verbena of this installation, or a directory of the user's own where the installation is read-only. */
export function defaultCacheDirectory(): string {
  const installed = join(import.meta.dirname, '..', '..', '..', 'node_modules', '.cache', 'verbena');
  try {
    mkdirSync(installed, { recursive: true });
    accessSync(installed, constants.W_OK);
    return installed;
  } catch {
    return join(tmpdir(), `verbena-cache-${String(userInfo().uid)}`);
  }
}
