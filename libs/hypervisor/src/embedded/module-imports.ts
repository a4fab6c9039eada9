/**
 * What a guest module may import, and what it says about its memory. The limits of an imported memory are not visible through the
 * WebAssembly JavaScript API, so they are read from the import section (WebAssembly core specification, 5.5.5).
 */
import { hasMaximum, SectionReader } from './section-reader.ts';
import { wasiNames } from './wasi/names.ts';

export interface MemoryLimits {
  readonly initialPages: number;
  readonly maximumPages: number;
}

const functionsOf: Readonly<Record<string, ReadonlySet<string>>> = {
  wasi_snapshot_preview1: new Set(wasiNames),
  verbena: new Set(['hypercall', 'hypercall_block']),
  hca: new Set(['uar_write']),
  ivc: new Set(['mailbox', 'ring', 'buffers', 'grant', 'share', 'arm', 'post', 'write', 'read']),
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
