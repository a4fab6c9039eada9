/** The little that the toolchain must know of a linked module: what memory it imports and what functions it imports. */
import { ToolchainError } from './errors.ts';
import { WasmReader } from './wasm-reader.ts';

export interface ModuleInfo {
  /** Least memory in bytes that the module's import asks for. */
  readonly minimumBytes: number;
  /** Imports as "module.name". */
  readonly imports: readonly string[];
  /** Whether it declares exception tags: setjmp was lowered to them. */
  readonly hasTags: boolean;
}

const PAGE_BYTES = 65_536;
const IMPORT_SECTION = 2;
const TAG_SECTION = 13;
const KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;

/** Reads the sections of a module (WebAssembly Core Specification, 5.5). */
export function moduleInfo(wasm: Uint8Array): ModuleInfo {
  const reader = new WasmReader(wasm, 8);
  let imports: Imports | undefined;
  let hasTags = false;
  while (reader.at < wasm.length) {
    const section = reader.byte();
    const length = reader.number();
    const next = reader.at + length;
    if (section === IMPORT_SECTION) imports = importsOf(reader);
    if (section === TAG_SECTION) hasTags = true;
    reader.at = next;
  }
  if (imports === undefined) throw new ToolchainError('the linked module imports nothing, not even its memory');
  return { ...imports, hasTags };
}

type Imports = Pick<ModuleInfo, 'minimumBytes' | 'imports'>;

function importsOf(reader: WasmReader): Imports {
  const imports: string[] = [];
  let minimumBytes = 0;
  for (let left = reader.number(); left > 0; left--) {
    imports.push(`${reader.name()}.${reader.name()}`);
    const kind = reader.byte();
    if (kind === KIND.function) reader.number();
    else if (kind === KIND.memory) minimumBytes = limits(reader) * PAGE_BYTES;
    else if (kind === KIND.global) reader.at += 2;
    else if (kind === KIND.tag) {
      reader.byte();
      reader.number();
    } else {
      reader.byte();
      limits(reader);
    }
  }
  return { minimumBytes, imports };
}

function limits(reader: WasmReader): number {
  const flags = reader.byte();
  const least = reader.number();
  if ((flags & 1) !== 0) reader.number();
  return least;
}
