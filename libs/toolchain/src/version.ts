import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

const versionOf = (path: string): string => (require(path) as { version: string }).version;

export const VERBENA_VERSION = versionOf('../package.json');
/** The package does not export its package.json; the lock file pins it, so its version is written here and a test compares. */
export const CLANG_VERSION = '22.1.0';
/** Everything cached depends on this text: compiler, instrumenter, and our own way of calling them. */
export const TOOLCHAIN_VERSION = `verbena ${VERBENA_VERSION}, clang ${CLANG_VERSION} (22.0.0-git20542-10), binaryen 132.0.0, calling convention 3`;
