/**
 * What of a module decides whether its programs can be suspended: Asyncify's exports, the size of each function's locals, and that every
 * mutable global is exported, so that it can be kept (WebAssembly core specification, 5.5).
 */
import { SectionReader } from './section-reader.ts';

export interface Suspendable {
  /** Bytes of locals by function index, imports included; NOT_INSTRUMENTED where Asyncify left the function alone. Shared, so that threads need no copy. */
  readonly frameBytes: Int32Array<SharedArrayBuffer>;
  /** Names of the exported mutable globals. */
  readonly globals: readonly string[];
  /** Its loops poll: it can be brought to a safepoint while it computes. */
  readonly polls: boolean;
}

/** A function that cannot be unwound: of the C or C++ library, see asyncify-scope.ts of the toolchain. */
export const NOT_INSTRUMENTED = -1;

const sections = { type: 1, imports: 2, functions: 3, globals: 6, exports: 7, code: 10 } as const;
const kindFunction = 0;
const kindGlobal = 3;
/** Asyncify's own state, which is "normal" whenever a program is suspended or begins. */
const asyncifyGlobals = 2;

const globalGet = 0x23;

/** Unsigned LEB128. */
const unsignedBytes = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...unsignedBytes(Math.floor(value / 128))];

const bytesOf: Readonly<Record<number, number>> = { 0x7f: 4, 0x7e: 8, 0x7d: 4, 0x7c: 8, 0x7b: 16 };
const sizeOf = (type: number): number => bytesOf[type] ?? 16;

/** @returns why not, for a module that cannot be suspended */
export function suspendable(module: WebAssembly.Module, wasm: Uint8Array): Suspendable | string {
  const exported = WebAssembly.Module.exports(module);
  const has = (name: string): boolean => exported.some((each) => each.name === name && each.kind === 'function');
  if (!['start_unwind', 'stop_unwind', 'start_rewind', 'stop_rewind'].every((name) => has(`asyncify_${name}`)))
    return 'its image was made without Asyncify (--no-asyncify, or it uses setjmp)';
  const found = new ModuleScan(wasm);
  const unnamed = found.unnamedGlobals();
  if (unnamed.length > asyncifyGlobals) return 'its image keeps state in globals that it does not export';
  const globals = found.mutableGlobals.flatMap((index) => found.exportedGlobals.get(index) ?? []);
  if (!globals.includes('__stack_pointer')) return 'its image does not export its stack pointer';
  const frameBytes = new Int32Array(new SharedArrayBuffer(4 * found.frameBytes.length));
  frameBytes.set(found.frameBytes);
  return { frameBytes, globals, polls: has('vb_poll') };
}

class ModuleScan {
  readonly frameBytes: number[] = [];
  readonly mutableGlobals: number[] = [];
  readonly exportedGlobals = new Map<number, string>();
  readonly #wasm: Buffer;
  readonly #parameterBytes: number[] = [];
  #importedFunctions = 0;
  #importedGlobals = 0;

  constructor(wasm: Uint8Array) {
    this.#wasm = Buffer.from(wasm.buffer, wasm.byteOffset, wasm.byteLength);
    const reader = new SectionReader(wasm);
    reader.at = 8;
    while (reader.at < wasm.length) {
      const id = reader.byte();
      const next = reader.unsigned() + reader.at;
      if (id === sections.type) this.#types(reader);
      else if (id === sections.imports) this.#imports(reader);
      else if (id === sections.functions) for (let left = reader.unsigned(); left > 0; left--) this.#function(reader.unsigned());
      else if (id === sections.globals) this.#globals(reader);
      else if (id === sections.exports) this.#exports(reader);
      else if (id === sections.code) this.#code(reader);
      reader.at = next;
    }
  }

  unnamedGlobals(): number[] {
    return this.mutableGlobals.filter((index) => !this.exportedGlobals.has(index));
  }

  #types(reader: SectionReader): void {
    for (let left = reader.unsigned(); left > 0; left--) {
      reader.byte();
      let bytes = 0;
      for (let parameters = reader.unsigned(); parameters > 0; parameters--) bytes += sizeOf(reader.byte());
      this.#parameterBytes.push(bytes);
      for (let results = reader.unsigned(); results > 0; results--) reader.byte();
    }
  }

  #function(type: number): void {
    this.frameBytes.push(this.#parameterBytes[type] ?? 0);
  }

  #imports(reader: SectionReader): void {
    for (let left = reader.unsigned(); left > 0; left--) {
      reader.skipName();
      reader.skipName();
      const kind = reader.byte();
      if (kind === kindFunction) {
        this.#function(reader.unsigned());
        this.#importedFunctions++;
      } else {
        if (kind === kindGlobal) this.#importedGlobals++;
        reader.skipDescription(kind);
      }
    }
  }

  /** Initial values are constant expressions; of these, LLVM and Binaryen make one constant and an end. */
  #globals(reader: SectionReader): void {
    const count = reader.unsigned();
    for (let index = 0; index < count; index++) {
      reader.byte();
      if (reader.byte() === 1) this.mutableGlobals.push(this.#importedGlobals + index);
      reader.skipConstant();
    }
  }

  #exports(reader: SectionReader): void {
    for (let left = reader.unsigned(); left > 0; left--) {
      const name = reader.name();
      const kind = reader.byte();
      const index = reader.unsigned();
      if (kind === kindGlobal) this.exportedGlobals.set(index, name);
    }
  }

  #code(reader: SectionReader): void {
    const count = reader.unsigned();
    // Asyncify appends its state and its data; every function that it instruments reads the state.
    const state = this.unnamedGlobals().at(-asyncifyGlobals) ?? 0;
    const readsState = Buffer.from([globalGet, ...unsignedBytes(state)]);
    for (let i = 0; i < count; i++) {
      const next = reader.unsigned() + reader.at;
      const instrumented = this.#wasm.subarray(reader.at, next).includes(readsState);
      let bytes = this.frameBytes[this.#importedFunctions + i] ?? 0;
      for (let groups = reader.unsigned(); groups > 0; groups--) bytes += reader.unsigned() * sizeOf(reader.byte());
      this.frameBytes[this.#importedFunctions + i] = instrumented ? bytes : NOT_INSTRUMENTED;
      reader.at = next;
    }
  }
}
