/**
 * Runs the LLVM tools and Binaryen, one request at a time, in a process of its own: the event loop of the asking process stays free, the
 * engine's flags that suit LLVM (compile lazily, optimize little) stay away from guests, which want the opposite, and memory goes back.
 */
import { neverUnwinds } from './asyncify-scope.ts';
import { loadLlvm } from './llvm-loader.ts';
import type { Llvm } from './llvm-loader.ts';
import { insertPolls } from './polls/insert.ts';
import { POLL_FUNCTION } from './target.ts';
import type { AsyncifyRequest, LlvmRequest, ToolReply, ToolRequest, ToolResult, Tree } from './tool-protocol.ts';

type Binaryen = (typeof import('binaryen'))['default'];
type BinaryenModule = ReturnType<Binaryen['readBinary']>;

let llvm: Promise<Llvm> | undefined;
let binaryen: Promise<Binaryen> | undefined;

const loadBinaryen = async (): Promise<Binaryen> => (await import('binaryen')).default;

async function runLlvm(request: LlvmRequest): Promise<ToolResult> {
  llvm ??= loadLlvm();
  const { runLLVM, Exit } = await llvm;
  const text: Uint8Array[] = [];
  const output: Uint8Array[] = request.stdoutAs === undefined ? text : [];
  const collect =
    (pieces: Uint8Array[]) =>
    (bytes: Uint8Array | null): void => {
      if (bytes !== null) pieces.push(bytes.slice());
    };
  const options = { stdout: collect(output), stderr: collect(text), decodeASCII: false };
  let files: Tree = {};
  let exitCode = 0;
  try {
    files = (await runLLVM([...request.args], request.files, options)) ?? {};
  } catch (error) {
    if (!(error instanceof Exit)) throw crash(request.args, text, error);
    exitCode = error.code;
    files = error.files;
  }
  const out = filesOf(files['out']);
  if (request.stdoutAs !== undefined) out[request.stdoutAs] = concatenated(output);
  return { exitCode, text: Buffer.concat(text).toString('utf8'), out };
}

/** A tool that trapped, with the last that it said: LLVM states which of its assertions failed. */
function crash(args: readonly string[], text: readonly Uint8Array[], cause: unknown): Error {
  const last = Buffer.concat(text).toString('utf8').trim().slice(-1000);
  return new Error(`${args.slice(0, 2).join(' ')} stopped: ${last === '' ? String(cause) : last}`, { cause });
}

function concatenated(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function filesOf(tree: Tree | Uint8Array | string | undefined): Record<string, Uint8Array> {
  if (tree === undefined || typeof tree === 'string' || tree instanceof Uint8Array) return {};
  const files: Record<string, Uint8Array> = {};
  for (const [name, entry] of Object.entries(tree)) if (entry instanceof Uint8Array) files[name] = entry;
  return files;
}

/** Instruments with explicit features: "all" would include proposals that the guests' engine does not run. */
async function asyncify(request: AsyncifyRequest): Promise<ToolResult> {
  binaryen ??= loadBinaryen();
  const library = await binaryen;
  const { Features } = library;
  const module = library.readBinary(insertPolls(request.wasm, request.polls, POLL_FUNCTION));
  try {
    module.setFeatures(
      Features.Atomics |
        Features.BulkMemory |
        Features.BulkMemoryOpt |
        Features.MutableGlobals |
        Features.SignExt |
        Features.NontrappingFPToInt |
        Features.SIMD128 |
        Features.Multivalue |
        Features.ReferenceTypes,
    );
    library.setDebugInfo(true);
    library.setOptimizeLevel(1);
    library.setShrinkLevel(0);
    library.setPassArgument('asyncify-imports', request.imports.join(','));
    const spared = functionNames(library, module).filter(neverUnwinds);
    // A list that holds a line feed is split there, and commas and brackets in C++ names keep their meaning.
    library.setPassArgument('asyncify-removelist', spared.map((name) => `${name}\n`).join(''));
    module.runPasses(['asyncify']);
    return { exitCode: 0, text: '', out: { wasm: module.emitBinary() } };
  } finally {
    module.dispose();
  }
}

function functionNames(library: Binaryen, module: BinaryenModule): string[] {
  return Array.from({ length: module.getNumFunctions() }, (_, index) => library.getFunctionInfo(module.getFunctionByIndex(index)).name);
}

async function answer(request: ToolRequest): Promise<ToolResult> {
  if (request.kind === 'llvm') return runLlvm(request);
  if (request.kind === 'asyncify') return asyncify(request);
  if (request.tool === 'llvm') await (llvm ??= loadLlvm());
  else await (binaryen ??= loadBinaryen());
  return { exitCode: 0, text: '', out: {} };
}

/** Asked over the channel that child_process.fork() opens; ends when the asking process closes it, however that process ends. */
function serve(): void {
  const reply = (message: ToolReply): void => {
    process.send?.(message);
  };
  process.on('message', ({ id, request }: { id: number; request: ToolRequest }) => {
    answer(request).then(
      (result) => {
        reply({ id, result });
      },
      (error: unknown) => {
        reply({ id, failure: error instanceof Error ? error.message : String(error) });
      },
    );
  });
  process.on('disconnect', () => process.exit(0));
}

serve();
