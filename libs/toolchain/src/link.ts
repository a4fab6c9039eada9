/** Joins objects into one module and instruments it. */
import type { Cache } from './cache.ts';
import { keyOf } from './cache.ts';
import { moduleInfo } from './module-info.ts';
import { tentativeDefinitions } from './object-symbols.ts';
import { BLOCKING_IMPORTS, LINK_FLAGS } from './target.ts';
import type { ToolPool } from './tool-pool.ts';
import { TOOLCHAIN_VERSION } from './version.ts';

export interface LinkInput {
  /** The name that the linker's messages should show. */
  readonly name: string;
  readonly content: Uint8Array;
}

export interface LinkRequest {
  /** Objects and archives in the order of the command line. */
  readonly inputs: readonly LinkInput[];
  /** Our archive of the MPI library, the verbs client and the runtime glue. */
  readonly runtime: Uint8Array;
  readonly cxx: boolean;
  readonly asyncify: boolean;
}

export interface Linked {
  readonly exitCode: number;
  readonly diagnostics: string;
  readonly wasm: Uint8Array | undefined;
}

/** The C library prints and reads long double only with the first of these. */
const C_LIBRARIES = [
  '-lc-printscan-long-double',
  '-lwasi-emulated-signal',
  '-lwasi-emulated-process-clocks',
  '-lwasi-emulated-mman',
  '-lsetjmp',
  '-ldl',
  '-lc',
];
const CXX_LIBRARIES = ['-lc++', '-lc++abi'];
const BUILTINS = '/usr/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a';
const START = '/usr/lib/wasm32-wasip1/crt1-command.o';

/**
 * Links and, unless the request or the program forbids it, instruments: a program with setjmp is left alone, because Asyncify loses track
 * of where its exceptions are caught. Throws ToolchainError when a tool itself fails; undefined symbols and the like are in the result.
 */
export async function link(request: LinkRequest, pool: ToolPool, cache: Cache): Promise<Linked> {
  const key = keyOf(
    'link',
    TOOLCHAIN_VERSION,
    JSON.stringify([LINK_FLAGS, C_LIBRARIES, CXX_LIBRARIES, request.cxx, request.asyncify, BLOCKING_IMPORTS]),
    request.runtime,
    ...request.inputs.flatMap(({ name, content }) => [name, content]),
  );
  const cached = cache.get(key);
  if (cached !== undefined) return { exitCode: 0, diagnostics: '', wasm: cached };
  const linked = await linkWithTentative(request, pool);
  if (linked.wasm === undefined || !request.asyncify || moduleInfo(linked.wasm).hasTags) return linked;
  const instrumented = await pool.run({ kind: 'asyncify', wasm: linked.wasm, imports: BLOCKING_IMPORTS });
  const wasm = instrumented.out['wasm'];
  if (wasm !== undefined && linked.diagnostics === '') cache.set(key, wasm);
  return { ...linked, wasm };
}

/** Links; if all that stands in the way are tentative definitions, links again and takes one of each. */
async function linkWithTentative(request: LinkRequest, pool: ToolPool): Promise<Linked> {
  const linked = await runLinker(request, [], pool);
  const duplicates = [...linked.diagnostics.matchAll(/duplicate symbol: (\S+)/g)].map(([, name]) => name ?? '');
  if (duplicates.length === 0 || linked.wasm !== undefined) return linked;
  const tentative = tentativeDefinitions(request.inputs.map(({ content }) => content));
  return duplicates.every((name) => tentative.has(name)) ? runLinker(request, ['-z', 'muldefs'], pool) : linked;
}

async function runLinker(request: LinkRequest, extra: readonly string[], pool: ToolPool): Promise<Linked> {
  const objects = request.inputs.map(({ name, content }, index) => ({ path: `/in/${String(index)}`, name, content }));
  const args = [
    'wasm-ld',
    ...LINK_FLAGS,
    ...extra,
    START,
    ...objects.map(({ path }) => path),
    '/in/verbena.a',
    ...(request.cxx ? CXX_LIBRARIES : []),
    ...C_LIBRARIES,
    BUILTINS,
    '-o',
    '-',
  ];
  const tree = Object.fromEntries([
    ...objects.map(({ content }, index): [string, Uint8Array] => [String(index), content]),
    ['verbena.a', request.runtime],
  ]);
  const result = await pool.run({ kind: 'llvm', args, files: { in: tree, out: {} }, stdoutAs: 'wasm' });
  const named = result.text
    .replaceAll(/\/in\/(\d+)/g, (path, index: string) => objects[Number(index)]?.name ?? path)
    .replaceAll('/in/verbena.a', 'libverbena.a');
  return { exitCode: result.exitCode, diagnostics: named, wasm: result.exitCode === 0 ? result.out['wasm'] : undefined };
}
