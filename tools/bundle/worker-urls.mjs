/**
 * An esbuild plugin: a file that source names by `new URL('./worker.ts', import.meta.url)`, because it starts it as a thread or a process, is
 * bundled beside the bundle, and named there.
 */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const named = /new URL\((['"])\.\/([A-Za-z0-9-]+)\.ts\1, import\.meta\.url\)/g;

/** @param {(name: string, path: string) => void} found called with each such file: its name in the bundle, and where it is */
export const workerUrls = (found) => ({
  name: 'worker-urls',
  setup(build) {
    build.onLoad({ filter: /[\\/](apps|libs)[\\/].*\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (!text.includes('import.meta.url')) return undefined;
      const contents = text.replace(named, (_all, _quote, name) => {
        found(basename(name), join(dirname(path), `${name}.ts`));
        return `new URL('./${basename(name)}.js', import.meta.url)`;
      });
      return { contents, loader: 'ts' };
    });
  },
});
