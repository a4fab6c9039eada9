/** Walks the instructions of a function body (WebAssembly Core Specification, 5.4), as far as it needs to know where each one ends. */
import { ToolchainError } from '../errors.ts';
import type { WasmReader } from '../wasm-reader.ts';

export const opcode = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  call: 0x10,
  callIndirect: 0x11,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Load: 0x28,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i32Eqz: 0x45,
  i32Sub: 0x6b,
  bulk: 0xfc,
  vector: 0xfd,
  atomic: 0xfe,
} as const;

export const EMPTY_BLOCK = 0x40;
export const I32 = 0x7f;

/** Unsigned LEB128 (WebAssembly Core Specification, 5.2.2). */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left];
    bytes.push((left % 128) | 0x80);
  }
}

type Skip = (reader: WasmReader) => void;

const none: Skip = () => undefined;
const number: Skip = (reader) => void reader.number();
const two: Skip = (reader) => {
  reader.number();
  reader.number();
};
const bytes =
  (count: number): Skip =>
  (reader) =>
    void (reader.at += count);
/** Signed numbers have the length of unsigned ones; their values do not matter here. */
const signed: Skip = (reader) => {
  while ((reader.byte() & 0x80) !== 0);
};
const memory: Skip = (reader) => {
  const flags = reader.number();
  if ((flags & 0x40) !== 0) reader.number();
  reader.number();
};
const list: Skip = (reader) => {
  for (let left = reader.number(); left > 0; left--) reader.number();
};
const branches: Skip = (reader) => {
  list(reader);
  reader.number();
};
const laneOfMemory: Skip = (reader) => {
  memory(reader);
  reader.byte();
};

const plain: readonly (readonly [first: number, last: number, skip: Skip])[] = [
  [0x00, 0x01, none],
  [0x02, 0x04, signed],
  [0x05, 0x05, none],
  [0x06, 0x06, signed],
  [0x07, 0x09, number],
  [0x0b, 0x0b, none],
  [0x0c, 0x0d, number],
  [0x0e, 0x0e, branches],
  [0x0f, 0x0f, none],
  [0x10, 0x10, number],
  [0x11, 0x11, two],
  [0x12, 0x12, number],
  [0x13, 0x13, two],
  [0x18, 0x18, number],
  [0x19, 0x1b, none],
  [0x1c, 0x1c, list],
  [0x20, 0x26, number],
  [0x28, 0x3e, memory],
  [0x3f, 0x40, number],
  [0x41, 0x42, signed],
  [0x43, 0x43, bytes(4)],
  [0x44, 0x44, bytes(8)],
  [0x45, 0xc4, none],
  [0xd0, 0xd0, signed],
  [0xd1, 0xd1, none],
  [0xd2, 0xd2, number],
];

/** After the prefix 0xfc. */
const bulk: Readonly<Record<number, Skip>> = {
  8: two,
  9: number,
  10: two,
  11: number,
  12: two,
  13: number,
  14: two,
  15: number,
  16: number,
  17: number,
};

function vector(reader: WasmReader): void {
  const code = reader.number();
  if (code <= 11 || code === 92 || code === 93) memory(reader);
  else if (code === 12 || code === 13) reader.at += 16;
  else if (code >= 21 && code <= 34) reader.at += 1;
  else if (code >= 84 && code <= 91) laneOfMemory(reader);
}

function atomic(reader: WasmReader): void {
  if (reader.number() === 3) reader.byte();
  else memory(reader);
}

const table: (Skip | undefined)[] = [];
for (const [first, last, skip] of plain) for (let code = first; code <= last; code++) table[code] = skip;
table[0xfc] = (reader) => {
  const code = reader.number();
  if (code > 7) (bulk[code] ?? none)(reader);
};
table[0xfd] = vector;
table[0xfe] = atomic;

/** Reads one instruction and what belongs to it. @returns its first byte */
export function skipInstruction(reader: WasmReader): number {
  const code = reader.byte();
  const skip = table[code];
  if (skip === undefined) throw new ToolchainError(`the linked module has an instruction 0x${code.toString(16)} that is not known here`);
  skip(reader);
  return code;
}
