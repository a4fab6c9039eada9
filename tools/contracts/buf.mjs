/** Runs buf on the contracts, with the files that they import beside them. `node tools/contracts/buf.mjs <arguments>`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { writeImports } from './imports.mjs';

export const root = new URL('../..', import.meta.url).pathname;
export const contracts = join(root, 'libs/contracts');

/** @returns buf's exit status */
export function buf(args, options = {}) {
  const { cwd = contracts } = options;
  writeImports(join(cwd, '.imports'));
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/buf'), args, { stdio: 'inherit', ...options, cwd });
  return { status: status ?? 1, stdout, stderr };
}

if (process.argv[1] === new URL(import.meta.url).pathname) process.exit(buf(process.argv.slice(2)).status);
