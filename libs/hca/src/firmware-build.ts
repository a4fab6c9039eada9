/**
 * Builds the firmware: `node firmware-build.ts <directory> <digest>`. A program of its own, since the compiler needs hundreds of megabytes.
 *
 * C knows one memory. So the firmware imports functions that touch the guest's memory, and after linking these imports are replaced by the
 * bodies in own.wat, single instructions on a second memory, which Binaryen then inlines.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Exit, runLLVM, type Tree } from '@yowasp/clang';
import binaryen from 'binaryen';
import { ABI_DIRECTORY, FIRMWARE_DIRECTORY } from './firmware.ts';
import { VBF_MEMORY_BYTES, VBF_MEMORY_MAX } from './layout.ts';

const COMPILE = ['--target=wasm32', '-O3', '-std=c17', '-ffreestanding', '-nostdlib', '-Wall', '-Wextra', '-Werror', '-I', 'include'];
const TARGET = ['-matomics', '-msimd128', '-mbulk-memory', '-msign-ext', '-mmutable-globals'];
const LINK = ['--no-entry', '--shared-memory', '--import-memory', `--max-memory=${VBF_MEMORY_MAX}`, `--initial-memory=${VBF_MEMORY_BYTES}`];
const EXPORT = ['--export-table', '--growable-table', '--export=__stack_pointer', '--allow-undefined', '-z', 'stack-size=16384'];

/** Runs one LLVM tool, its messages to stderr. The package's own error carries all files, which nobody wants to read. */
async function llvm(args: string[], files: Tree): Promise<Tree> {
  const say = (data: Uint8Array | null): void => void (data !== null && process.stderr.write(data));
  try {
    return (await runLLVM(args, files, { stdout: say, stderr: say, fetchProgress: () => undefined })) ?? {};
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    throw new Error(`${args[0]} ended with code ${error.code}`);
  }
}

function sourceTree(): Tree {
  const read = (directory: string): Tree =>
    Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))]));
  return { ...read(FIRMWARE_DIRECTORY), include: { verbena: read(ABI_DIRECTORY) } };
}

async function compileCore(): Promise<Uint8Array> {
  const files = sourceTree();
  const objects = await llvm(['clang', ...COMPILE, ...TARGET, '-c', 'firmware.c', '-o', 'firmware.o'], files);
  const linked = await llvm(['wasm-ld', 'firmware.o', '-o', 'firmware.wasm', ...LINK, ...EXPORT, '--strip-all'], { ...files, ...objects });
  const wasm = linked['firmware.wasm'];
  if (!(wasm instanceof Uint8Array)) throw new Error('the linker made no firmware.wasm');
  return wasm;
}

const FEATURES =
  binaryen.Features.Atomics |
  binaryen.Features.MutableGlobals |
  binaryen.Features.SIMD128 |
  binaryen.Features.BulkMemory |
  binaryen.Features.BulkMemoryOpt |
  binaryen.Features.SignExt |
  binaryen.Features.ReferenceTypes |
  binaryen.Features.MultiMemory;

function optimised(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  module.setFeatures(FEATURES);
  if (!module.validate()) throw new Error('the firmware is not valid after its imports were replaced');
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(0);
  binaryen.setAlwaysInlineMaxSize(60);
  module.optimize();
  return module.emitBinary();
}

/** Replaces `(import "own" "x" (func $f ...))` by own.wat's $own_fn_x, under the name that the rest of the module uses. */
function replaceImports(core: Uint8Array): string {
  const module = binaryen.readBinary(core);
  module.setFeatures(FEATURES);
  let text = module.emitText();
  let own = readFileSync(join(FIRMWARE_DIRECTORY, 'own.wat'), 'utf8');
  text = text.replace(/\(import "env" "memory" \(memory \$[^\s]+/, '(import "env" "memory" (memory $adapter');
  text = text.replace(/\(import "own" "(\w+)" \(func (\$[^\s)]+)[^\n]*\n/g, (_, name: string, local: string) => {
    own = own.replaceAll(`$own_fn_${name} `, `${local} `);
    return '';
  });
  // The adapter's memory stays memory 0: everything that names no memory means it.
  const bodies = own.indexOf('(func ');
  const afterMemory = text.indexOf('\n', text.indexOf('(import "env" "memory"'));
  const end = text.lastIndexOf(')');
  return `${text.slice(0, afterMemory)}\n${own.slice(0, bodies)}${text.slice(afterMemory, end)}${own.slice(bodies)})`;
}

/**
 * The channel for processors whose stores are seen in program order (x86: Intel SDM 3A, 9.2.2). WebAssembly's atomic store is sequentially consistent, on x86 an
 * exchange that waits until the line is here; what publishes a message need only be the last of its stores.
 */
function withOrderedStores(channel: string): string {
  const publishing = /\(i32\.atomic\.store( \$peer .*;; publishes)/;
  if (!publishing.test(channel)) throw new Error('channel.wat marks no store that publishes a message');
  return channel.replace(publishing, '(i32.store$1');
}

function keep(directory: string, name: string, wasm: Uint8Array): void {
  mkdirSync(directory, { recursive: true });
  const aside = join(directory, `${name}.${randomUUID()}.tmp`);
  writeFileSync(aside, wasm);
  renameSync(aside, join(directory, name));
}

const [, , directory, digest] = process.argv;
if (directory === undefined || digest === undefined) throw new Error('usage: firmware-build.ts <directory> <digest>');
keep(directory, `peer-${digest}.wasm`, optimised(readFileSync(join(FIRMWARE_DIRECTORY, 'peer.wat'), 'utf8')));
keep(directory, `stream-${digest}.wasm`, optimised(readFileSync(join(FIRMWARE_DIRECTORY, 'stream.wat'), 'utf8')));
keep(directory, `switch-${digest}.wasm`, optimised(readFileSync(join(FIRMWARE_DIRECTORY, 'switch.wat'), 'utf8')));
const channel = readFileSync(join(FIRMWARE_DIRECTORY, 'channel.wat'), 'utf8');
keep(directory, `channel-${digest}.wasm`, optimised(channel));
keep(directory, `channel-ordered-${digest}.wasm`, optimised(withOrderedStores(channel)));
keep(directory, `core-${digest}.wasm`, optimised(replaceImports(await compileCore())));
