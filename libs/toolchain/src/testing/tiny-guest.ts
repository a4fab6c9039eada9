/** A host for specs, with as much of WASI as a program needs to print, read its arguments and exit. Blocking calls return at once. */

interface Engine {
  Memory: new (limits: { initial: number; maximum: number; shared: true }) => { readonly buffer: SharedArrayBuffer };
  Module: {
    new (bytes: Uint8Array): object;
    imports(module: object): { module: string; name: string }[];
    exports(module: object): { name: string }[];
  };
  RuntimeError: new () => Error;
  Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
}
const engine = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly;

export interface TinyRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

class ProgramExit extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit ${String(exitCode)}`);
    this.exitCode = exitCode;
  }
}

const TRAPPED = 134;
const BAD_DESCRIPTOR = 8;
const NOT_SUPPORTED = 58;
const BOOT_INFO = 0x0080_0000;
const PAGE_BYTES = 65_536;

export const importsOf = (wasm: Uint8Array): string[] =>
  engine.Module.imports(new engine.Module(wasm)).map(({ module, name }) => `${module}.${name}`);
export const exportsOf = (wasm: Uint8Array): string[] => engine.Module.exports(new engine.Module(wasm)).map(({ name }) => name);

/** Runs a guest to its end. `boot` writes to the boot-information page first. A trap gives the exit code that the hypervisor gives. */
export function runGuest(
  wasm: Uint8Array,
  minimumBytes: number,
  options: { args?: string[]; boot?: (page: DataView) => void } = {},
): TinyRun {
  const memory = new engine.Memory({ initial: minimumBytes / PAGE_BYTES, maximum: 65_536, shared: true });
  const output = { 1: '', 2: '' };
  const instance = new engine.Instance(new engine.Module(wasm), imports(memory, ['prog', ...(options.args ?? [])], output));
  options.boot?.(new DataView(memory.buffer, BOOT_INFO, 4096));
  let exitCode = 0;
  try {
    (instance.exports['_start'] as () => void)();
  } catch (error) {
    if (error instanceof ProgramExit) exitCode = error.exitCode;
    else if (error instanceof engine.RuntimeError) exitCode = TRAPPED;
    else throw error;
  }
  return { exitCode, stdout: output[1], stderr: output[2] };
}

function imports(memory: { readonly buffer: SharedArrayBuffer }, args: readonly string[], output: { 1: string; 2: string }): object {
  const view = (): DataView => new DataView(memory.buffer);
  const bytes = (): Uint8Array => new Uint8Array(memory.buffer);
  const strings = (list: readonly string[]) => ({
    sizes: (count: number, size: number): number => {
      view().setUint32(count, list.length, true);
      view().setUint32(size, Buffer.from(list.map((text) => `${text}\0`).join('')).length, true);
      return 0;
    },
    get: (pointers: number, text: number): number => {
      let at = text;
      list.forEach((word, index) => {
        view().setUint32(pointers + 4 * index, at, true);
        bytes().set(Buffer.from(`${word}\0`), at);
        at += Buffer.byteLength(word) + 1;
      });
      return 0;
    },
  });
  const argv = strings(args);
  const environ = strings(['GREETING=hello']);
  const known: Record<string, (...values: number[]) => number> = {
    args_sizes_get: argv.sizes as (...values: number[]) => number,
    args_get: argv.get as (...values: number[]) => number,
    environ_sizes_get: environ.sizes as (...values: number[]) => number,
    environ_get: environ.get as (...values: number[]) => number,
    proc_exit: (code = 0) => {
      throw new ProgramExit(code);
    },
    fd_prestat_get: () => BAD_DESCRIPTOR,
    fd_fdstat_get: (_descriptor, out = 0) => {
      bytes()
        .fill(0, out, out + 24)
        .fill(2, out, out + 1);
      return 0;
    },
    fd_write: (descriptor = 1, vectors = 0, count = 0, written = 0) => {
      let total = 0;
      for (let index = 0; index < count; index++) {
        const start = view().getUint32(vectors + 8 * index, true);
        const length = view().getUint32(vectors + 8 * index + 4, true);
        output[descriptor === 2 ? 2 : 1] += Buffer.from(bytes().slice(start, start + length)).toString('utf8');
        total += length;
      }
      view().setUint32(written, total, true);
      return 0;
    },
  };
  const wasi = new Proxy(known, { get: (table, name) => table[String(name)] ?? (() => NOT_SUPPORTED) });
  return {
    env: { memory },
    wasi_snapshot_preview1: wasi,
    verbena: { hypercall: () => -38, hypercall_block: () => 0 },
    hca: { uar_write: () => undefined },
  };
}
