/** Joins objects into one module and instruments it. */
import { neverUnwinds } from './asyncify-scope.ts';
import type { Cache } from './cache.ts';
import { keyOf } from './cache.ts';
import { moduleInfo } from './module-info.ts';
import { tentativeDefinitions } from './object-symbols.ts';
import { functionsOf, type LinkedFunction } from './polls/link-map.ts';
import { BLOCKING_IMPORTS, LINK_FLAGS, POLL_FUNCTION } from './target.ts';
import type { ToolPool } from './tool-pool.ts';
import type { PollPlan } from './tool-protocol.ts';
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
  /** Whether the program's own loops ask now and then if it is to stop. */
  readonly polls: boolean;
}

export interface Linked {
  readonly exitCode: number;
  readonly diagnostics: string;
  readonly wasm: Uint8Array | undefined;
}

interface Joined extends Linked {
  /** Where the linker says each function is from. */
  readonly map: string;
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
/** Where the linker finds what is the program's own. */
const PROGRAM_FILES = '/in/';
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
    JSON.stringify([LINK_FLAGS, C_LIBRARIES, CXX_LIBRARIES, request.cxx, request.asyncify, request.polls, BLOCKING_IMPORTS]),
    request.runtime,
    ...request.inputs.flatMap(({ name, content }) => [name, content]),
  );
  const cached = cache.get(key);
  if (cached !== undefined) return { exitCode: 0, diagnostics: '', wasm: cached };
  const linked = await linkWithTentative(request, pool);
  if (linked.wasm === undefined || !request.asyncify || moduleInfo(linked.wasm).hasTags) return linked;
  const polls = pollPlan(request.polls ? linked.map : '');
  const instrumented = await pool.run({ kind: 'asyncify', wasm: linked.wasm, imports: BLOCKING_IMPORTS, polls });
  const wasm = instrumented.out['wasm'];
  if (wasm !== undefined && linked.diagnostics === '') cache.set(key, wasm);
  return { ...linked, wasm };
}

/** What calls main and the constructors of static objects. */
const STARTS: ReadonlySet<string> = new Set(['_start', '__main_void', '__wasm_call_ctors']);

/** The functions that are neither a library's nor left alone by Asyncify, and those that start the program. */
function pollPlan(map: string): PollPlan {
  const functions = functionsOf(map);
  const indices = (chosen: (each: LinkedFunction) => boolean): number[] => functions.flatMap((each, index) => (chosen(each) ? index : []));
  return {
    program: indices(({ file, name }) => file.startsWith(PROGRAM_FILES) && !neverUnwinds(name)),
    starts: indices(({ name }) => STARTS.has(name)),
  };
}

/** Links; if all that stands in the way are tentative definitions, links again and takes one of each. */
async function linkWithTentative(request: LinkRequest, pool: ToolPool): Promise<Joined> {
  const linked = await runLinker(request, [], pool);
  const duplicates = [...linked.diagnostics.matchAll(/duplicate symbol: (\S+)/g)].map(([, name]) => name ?? '');
  if (duplicates.length === 0 || linked.wasm !== undefined) return linked;
  const tentative = tentativeDefinitions(request.inputs.map(({ content }) => content));
  return duplicates.every((name) => tentative.has(name)) ? runLinker(request, ['-z', 'muldefs'], pool) : linked;
}

async function runLinker(request: LinkRequest, extra: readonly string[], pool: ToolPool): Promise<Joined> {
  const objects = request.inputs.map(({ name, content }, index) => ({ path: `${PROGRAM_FILES}${String(index)}`, name, content }));
  const args = [
    'wasm-ld',
    ...LINK_FLAGS,
    ...extra,
    START,
    ...objects.map(({ path }) => path),
    '/lib/verbena.a',
    ...(request.cxx ? CXX_LIBRARIES : []),
    ...C_LIBRARIES,
    BUILTINS,
    ...(request.asyncify && request.polls ? [`--export=${POLL_FUNCTION}`, '--Map=/out/map'] : []),
    '-o',
    '-',
  ];
  const tree = Object.fromEntries(objects.map(({ content }, index) => [String(index), content]));
  const files = { in: tree, lib: { 'verbena.a': request.runtime }, out: {} };
  const result = await pool.run({ kind: 'llvm', args, files, stdoutAs: 'wasm' });
  const named = result.text
    .replaceAll(/\/in\/(\d+)/g, (path, index: string) => objects[Number(index)]?.name ?? path)
    .replaceAll('/lib/verbena.a', 'libverbena.a');
  const map = Buffer.from(result.out['map'] ?? []).toString('utf8');
  return { exitCode: result.exitCode, diagnostics: named, wasm: result.exitCode === 0 ? result.out['wasm'] : undefined, map };
}
