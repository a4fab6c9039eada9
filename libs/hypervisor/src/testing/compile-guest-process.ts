/** One compilation, in a process of its own: `compile-guest-process.ts source.c headers/verbena out.wasm [asyncify]`. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commands } from '@yowasp/clang';

const features = ['-matomics', '-mbulk-memory', '-msimd128', '-mnontrapping-fptoint', '-msign-ext', '-mmutable-globals'];
const compileFlags = [
  '-c',
  '-O2',
  '--target=wasm32-wasip1',
  ...features,
  '-D_Thread_local=',
  '-Wall',
  '-Wno-unused-parameter',
  '-I/include',
];
const linkFlags = [
  ...['-m', 'wasm32', '-L/usr/lib/wasm32-wasip1', '/usr/lib/wasm32-wasip1/crt1-command.o', 'guest.o', '-lc'],
  '/usr/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a',
  ...['--shared-memory', '--import-memory', '--max-memory=4294967296', '--no-check-features', '-z', 'stack-size=8388608', '--stack-first'],
  ...['--global-base=8454144', '--export=__stack_pointer', '--export-if-defined=__tls_base', '-o', 'guest.wasm'],
];

async function compile(source: Uint8Array, include: Record<string, Uint8Array>): Promise<Uint8Array> {
  const object = await run(
    'clang',
    [...compileFlags, '-o', 'guest.o', 'guest.c'],
    { 'guest.c': source, include: { verbena: include } },
    'guest.o',
  );
  return run('wasm-ld', linkFlags, { 'guest.o': object }, 'guest.wasm');
}

/** As the toolchain does it, so that its programs can be suspended in a blocking call. */
async function asyncified(wasm: Uint8Array): Promise<Uint8Array> {
  const { default: binaryen } = await import('binaryen');
  const { Atomics, BulkMemory, BulkMemoryOpt, MutableGlobals, SignExt, NontrappingFPToInt, SIMD128 } = binaryen.Features;
  const module = binaryen.readBinary(wasm);
  module.setFeatures(Atomics | BulkMemory | BulkMemoryOpt | MutableGlobals | SignExt | NontrappingFPToInt | SIMD128);
  binaryen.setOptimizeLevel(1);
  binaryen.setDebugInfo(true);
  binaryen.setPassArgument('asyncify-imports', 'verbena.hypercall_block,wasi_snapshot_preview1.poll_oneoff');
  module.runPasses(['asyncify']);
  return module.emitBinary();
}

type Files = Parameters<(typeof commands)['clang']>[1];

async function run(tool: 'clang' | 'wasm-ld', args: string[], files: Files, wanted: string): Promise<Uint8Array> {
  const words: Uint8Array[] = [];
  const stderr = (bytes: Uint8Array | null): void => {
    if (bytes !== null) words.push(new Uint8Array(bytes));
  };
  const told = (): string => Buffer.concat(words).toString();
  try {
    const out = await commands[tool](args, files, { stdout: stderr, stderr, fetchProgress: () => undefined });
    const result = out?.[wanted];
    if (result instanceof Uint8Array) return result;
  } catch (error) {
    throw new Error(`${tool} failed: ${told()}`, { cause: error });
  }
  throw new Error(`${tool} made no ${wanted}: ${told()}`);
}

const [source = '', headers = '', target = '', instrument] = process.argv.slice(2);
const include = Object.fromEntries(readdirSync(headers).map((name) => [name, new Uint8Array(readFileSync(join(headers, name)))]));
const compiled = await compile(new Uint8Array(readFileSync(source)), include);
writeFileSync(target, instrument === undefined ? compiled : await asyncified(compiled));
