/** Compiles a C file to a guest for tests of the hypervisor alone: no MPI, no instrumentation. Kept between runs by the digest of its source. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const compiler = join(import.meta.dirname, 'compile-guest-process.ts');
const root = join(import.meta.dirname, '..', '..', '..', '..');
const headers = join(root, 'libs', 'guest-abi', 'include', 'verbena');
const cacheDirectory = join(root, '.cache', 'hypervisor-guests');

export interface CompiledGuest {
  readonly digest: string;
  readonly wasm: Uint8Array;
}

/** @param file a C source beside this one; @param asyncify whether its programs can be suspended */
export async function compileGuestFile(file: string, asyncify = false): Promise<CompiledGuest> {
  const source = readFileSync(join(import.meta.dirname, file));
  const hash = createHash('sha256').update(source).update(readFileSync(compiler)).update(String(asyncify));
  for (const name of readdirSync(headers)) hash.update(readFileSync(join(headers, name)));
  const digest = `sha256:${hash.digest('hex')}`;
  const cached = join(cacheDirectory, `${digest.slice(7)}.wasm`);
  try {
    return { digest, wasm: new Uint8Array(readFileSync(cached)) };
  } catch {
    // In a process of its own: while a hypervisor in this one compiles a guest, V8 optimises all it compiles, which for a compiler takes minutes.
    mkdirSync(cacheDirectory, { recursive: true });
    const temporary = `${cached}.${String(process.pid)}.tmp`;
    await promisify(execFile)(
      process.execPath,
      [compiler, join(import.meta.dirname, file), headers, temporary, ...(asyncify ? ['asyncify'] : [])],
      { timeout: 120_000 },
    );
    renameSync(temporary, cached);
    return { digest, wasm: new Uint8Array(readFileSync(cached)) };
  }
}
