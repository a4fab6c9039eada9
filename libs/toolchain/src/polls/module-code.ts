/** The parts of a module that polls need: bodies, parameters and exports of its functions (WebAssembly Core Specification, 5.5). */
import { WasmReader } from '../wasm-reader.ts';
import { unsigned } from './instructions.ts';

const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const FUNCTION = 0;
const HEADER_BYTES = 8;

export interface ModuleCode {
  /** Imported functions, whose indices come first. */
  readonly imported: number;
  /** By function, without imports. */
  readonly parameters: readonly number[];
  readonly bodies: readonly Uint8Array[];
  readonly exportedFunctions: ReadonlyMap<string, number>;
}

export function readModule(wasm: Uint8Array): ModuleCode {
  const types: number[] = [];
  const parameters: number[] = [];
  const bodies: Uint8Array[] = [];
  const exportedFunctions = new Map<string, number>();
  let imported = 0;
  for (const { id, reader } of sections(wasm)) {
    if (id === SECTION.type) types.push(...parameterCounts(reader));
    else if (id === SECTION.import) imported = importedFunctions(reader);
    else if (id === SECTION.function) for (let left = reader.number(); left > 0; left--) parameters.push(types[reader.number()] ?? 0);
    else if (id === SECTION.export) {
      for (let left = reader.number(); left > 0; left--) {
        const name = reader.name();
        const kind = reader.byte();
        const index = reader.number();
        if (kind === FUNCTION) exportedFunctions.set(name, index);
      }
    } else if (id === SECTION.code) {
      for (let left = reader.number(); left > 0; left--) {
        const length = reader.number();
        bodies.push(wasm.subarray(reader.at, reader.at + length));
        reader.at += length;
      }
    }
  }
  return { imported, parameters, bodies, exportedFunctions };
}

/** The module with other bodies. */
export function withBodies(wasm: Uint8Array, bodies: readonly Uint8Array[]): Uint8Array {
  const out: Uint8Array[] = [wasm.subarray(0, HEADER_BYTES)];
  for (const { id, from, to } of sections(wasm)) {
    if (id !== SECTION.code) {
      out.push(wasm.subarray(from, to));
      continue;
    }
    const parts = [Uint8Array.from(unsigned(bodies.length)), ...bodies.flatMap((body) => [Uint8Array.from(unsigned(body.length)), body])];
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    out.push(Uint8Array.from([SECTION.code, ...unsigned(length)]), ...parts);
  }
  return Buffer.concat(out);
}

interface Section {
  readonly id: number;
  /** Of the whole section, and where the next one begins. */
  readonly from: number;
  readonly to: number;
  readonly reader: WasmReader;
}

function* sections(wasm: Uint8Array): Generator<Section> {
  for (let from = HEADER_BYTES; from < wasm.length;) {
    const reader = new WasmReader(wasm, from);
    const id = reader.byte();
    const length = reader.number();
    const to = reader.at + length;
    yield { id, from, to, reader };
    from = to;
  }
}

function parameterCounts(reader: WasmReader): number[] {
  return Array.from({ length: reader.number() }, () => {
    reader.byte();
    const count = reader.number();
    reader.at += count;
    const results = reader.number();
    reader.at += results;
    return count;
  });
}

/** A linked guest imports functions and one memory with a maximum. */
function importedFunctions(reader: WasmReader): number {
  let count = 0;
  for (let left = reader.number(); left > 0; left--) {
    reader.name();
    reader.name();
    if (reader.byte() === FUNCTION) {
      reader.number();
      count++;
    } else {
      reader.byte();
      reader.number();
      reader.number();
    }
  }
  return count;
}
