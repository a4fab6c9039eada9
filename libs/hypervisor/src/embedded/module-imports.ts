/**
 * What a guest module may import, and what it says about its memory. The limits of an imported memory are not visible through the
 * WebAssembly JavaScript API, so they are read from the import section (WebAssembly core specification, 5.5.5).
 */
import { wasiNames } from './wasi/names.ts';

export interface MemoryLimits {
  readonly initialPages: number;
  readonly maximumPages: number;
}

const functionsOf: Readonly<Record<string, ReadonlySet<string>>> = {
  wasi_snapshot_preview1: new Set(wasiNames),
  verbena: new Set(['hypercall', 'hypercall_block']),
  hca: new Set(['uar_write']),
};

/** @throws Error naming every import that a guest does not get, or the `_start` that is missing */
export function checkImports(module: WebAssembly.Module): void {
  const refused = WebAssembly.Module.imports(module)
    .filter(({ module: from, name, kind }) =>
      kind === 'memory' ? from !== 'env' || name !== 'memory' : kind !== 'function' || functionsOf[from]?.has(name) !== true,
    )
    .map(({ module: from, name, kind }) => `${from}.${name} (${kind})`);
  if (refused.length > 0) throw new Error(`it imports what no guest is given: ${refused.join(', ')}`);
  if (!WebAssembly.Module.exports(module).some(({ name, kind }) => name === '_start' && kind === 'function'))
    throw new Error('it exports no function _start: link it as a program, not as a library');
}

const importSection = 2;
const memoryKind = 2;
const hasMaximum = 1;
const isShared = 2;

/** @throws Error when the module does not import exactly one shared 32-bit memory with a maximum */
export function parseMemoryImport(wasm: Uint8Array): MemoryLimits {
  const reader = new SectionReader(wasm);
  reader.at = 8;
  while (reader.at < wasm.length) {
    const id = reader.byte();
    const size = reader.unsigned();
    if (id === importSection) return findMemory(reader);
    reader.at += size;
  }
  throw new Error('it imports nothing: a guest imports env.memory, link it with --import-memory');
}

function findMemory(reader: SectionReader): MemoryLimits {
  let found: MemoryLimits | undefined;
  for (let left = reader.unsigned(); left > 0; left--) {
    reader.skipName();
    reader.skipName();
    const kind = reader.byte();
    if (kind === memoryKind) {
      const flags = reader.byte();
      if (flags !== (hasMaximum | isShared))
        throw new Error('its memory is not a shared 32-bit memory with a maximum: link it with --shared-memory');
      if (found !== undefined) throw new Error('it imports more than one memory');
      found = { initialPages: reader.unsigned(), maximumPages: reader.unsigned() };
    } else reader.skipDescription(kind);
  }
  if (found === undefined) throw new Error('it does not import env.memory: link it with --import-memory');
  return found;
}

class SectionReader {
  at = 0;
  readonly #data: Uint8Array;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  byte(): number {
    const value = this.#data[this.at++];
    if (value === undefined) throw new Error('the module ends in the middle of its import section');
    return value;
  }

  /** LEB128, at most 32 bits. */
  unsigned(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const next = this.byte();
      value += (next & 0x7f) * 2 ** shift;
      if (next < 0x80) return value;
    }
    throw new Error('a number in the import section has more than 32 bits');
  }

  skipName(): void {
    const length = this.unsigned();
    this.at += length;
  }

  /** Function: type index. Table: type and limits. Global: type and mutability. Tag: attribute and type index. */
  skipDescription(kind: number): void {
    if (kind === 0) this.unsigned();
    else if (kind === 1) {
      this.byte();
      if ((this.byte() & hasMaximum) === hasMaximum) this.unsigned();
      this.unsigned();
    } else if (kind === 3) this.at += 2;
    else if (kind === 4) {
      this.byte();
      this.unsigned();
    } else throw new Error(`an import has the unknown kind ${String(kind)}`);
  }
}
