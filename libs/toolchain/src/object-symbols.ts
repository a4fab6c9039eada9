/**
 * `int counter;` in a header that several sources include is a tentative definition in each (C11, 6.9.2): Unix linkers of the old school
 * make one variable of them, gcc since version 10 and wasm-ld call it an error. Many MPI programs rely on the old way. It is safe where all
 * definitions are uninitialized and equally long; functions and initialized variables defined twice stay errors.
 */
import { WasmReader } from './wasm-reader.ts';

/** Numbers of WebAssembly's tool conventions, "Object file linking". */
const CUSTOM_SECTION = 0;
const SEGMENT_INFO = 5;
const SYMBOL_TABLE = 8;
const SYMBOL = { function: 0, data: 1, section: 3 } as const;
const FLAG = { local: 0x02, undefined: 0x10, explicitName: 0x40 } as const;

interface Definition {
  readonly name: string;
  /** Length in bytes; undefined for a function. */
  readonly size: number | undefined;
  readonly initialized: boolean;
}

/** Names that are defined in several of these objects and may be taken as one variable. Archives and other files are passed over. */
export function tentativeDefinitions(objects: readonly Uint8Array[]): ReadonlySet<string> {
  const byName = new Map<string, Definition[]>();
  for (const definition of objects.filter(isModule).flatMap(definitionsIn)) {
    byName.set(definition.name, [...(byName.get(definition.name) ?? []), definition]);
  }
  const mergeable = [...byName].filter(
    ([, all]) =>
      all.length > 1 &&
      all.every(({ size }) => size !== undefined && size === all[0]?.size) &&
      all.filter(({ initialized }) => initialized).length === 0,
  );
  return new Set(mergeable.map(([name]) => name));
}

const isModule = (bytes: Uint8Array): boolean =>
  bytes.length > 8 && bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;

function definitionsIn(object: Uint8Array): Definition[] {
  const reader = new WasmReader(object, 8);
  while (reader.at < object.length) {
    const section = reader.byte();
    const length = reader.number();
    const end = reader.at + length;
    if (section === CUSTOM_SECTION && reader.name() === 'linking') return linkingSection(reader, end);
    reader.at = end;
  }
  return [];
}

function linkingSection(reader: WasmReader, end: number): Definition[] {
  reader.number();
  let segments: readonly string[] = [];
  let symbolsAt: number | undefined;
  while (reader.at < end) {
    const kind = reader.byte();
    const length = reader.number();
    const next = reader.at + length;
    if (kind === SEGMENT_INFO) segments = list(reader, segmentName);
    // The symbols name their segments, which may come after them.
    if (kind === SYMBOL_TABLE) symbolsAt = reader.at;
    reader.at = next;
  }
  if (symbolsAt === undefined) return [];
  reader.at = symbolsAt;
  return list(reader, () => symbol(reader, segments)).filter((each) => each !== undefined);
}

const list = <T>(reader: WasmReader, item: (reader: WasmReader) => T): T[] => Array.from({ length: reader.number() }, () => item(reader));

function segmentName(reader: WasmReader): string {
  const name = reader.name();
  reader.number();
  reader.number();
  return name;
}

function symbol(reader: WasmReader, segments: readonly string[]): Definition | undefined {
  const kind = reader.byte();
  const flags = reader.number();
  const undefinedHere = (flags & FLAG.undefined) !== 0;
  if (kind === SYMBOL.section) {
    reader.number();
    return undefined;
  }
  if (kind === SYMBOL.data) {
    const name = reader.name();
    if (undefinedHere) return undefined;
    const segment = segments[reader.number()] ?? '';
    reader.number();
    const size = reader.number();
    return (flags & FLAG.local) === 0 ? { name, size, initialized: !segment.startsWith('.bss') } : undefined;
  }
  reader.number();
  const name = !undefinedHere || (flags & FLAG.explicitName) !== 0 ? reader.name() : '';
  return kind === SYMBOL.function && !undefinedHere && (flags & FLAG.local) === 0
    ? { name, size: undefined, initialized: true }
    : undefined;
}
