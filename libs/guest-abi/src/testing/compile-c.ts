import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const CACHE = join(here, '../../../../node_modules/.cache/verbena/specs');
const TOOL = join(here, 'clang.ts');

const COMPILE = ['--target=wasm32-wasip1', '-O3', '-std=c17', '-matomics', '-mbulk-memory', '-msimd128', '-Wall', '-Wextra', '-Werror'];
const LINK = ['--no-entry', '--shared-memory', '--import-memory', '--max-memory=4294967296', '--no-check-features', '--allow-undefined'];
const PLACE = ['--stack-first', '--global-base=8454144', '-z', 'stack-size=8388608'];

export interface CSources {
  /** Path to content. Paths that end in .c are compiled. */
  readonly files: Readonly<Record<string, string>>;
  readonly include: readonly string[];
  readonly exports?: readonly string[];
  /** Compile only, and give an empty module. */
  readonly checkOnly?: boolean;
}

async function run(request: unknown): Promise<Uint8Array> {
  const child = spawn(process.execPath, ['--conditions=verbena-source', TOOL], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(JSON.stringify(request));
  const [out, err, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | string>((resolve) => child.once('close', (status, signal) => resolve(status ?? signal ?? 'no status'))),
  ]);
  if (code !== 0) throw new Error(`clang ended with ${code}:\n${err}`);
  return new Uint8Array(Buffer.from(out, 'base64'));
}

/** Compiles C for a spec, laid out as guests are (abi.h), without libc's start-up. Results are kept by the digest of what goes in. */
export async function compileC({ files, include, exports = [], checkOnly = false }: CSources): Promise<Uint8Array> {
  const sources = Object.keys(files).filter((name) => name.endsWith('.c'));
  const compile = sources.map((name) => [
    'clang',
    ...COMPILE,
    ...include.map((each) => `-I${each}`),
    '-c',
    name,
    '-o',
    `${name.replaceAll('/', '_')}.o`,
  ]);
  const objects = sources.map((name) => `${name.replaceAll('/', '_')}.o`);
  const link = ['wasm-ld', ...objects, '-o', 'out.wasm', ...LINK, ...PLACE, ...exports.map((name) => `--export=${name}`)];
  const request = { files, commands: checkOnly ? compile : [...compile, link], output: checkOnly ? objects[0] : 'out.wasm' };
  const key = createHash('sha256').update(readFileSync(TOOL)).update(JSON.stringify(request)).digest('hex').slice(0, 32);
  const path = join(CACHE, `${key}.wasm`);
  try {
    return new Uint8Array(readFileSync(path));
  } catch {
    const wasm = await run(request);
    mkdirSync(CACHE, { recursive: true });
    const aside = `${path}.${randomUUID()}`;
    writeFileSync(aside, wasm);
    renameSync(aside, path);
    return wasm;
  }
}
