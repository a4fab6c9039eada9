/** Reads the sections of a WebAssembly module (core specification, 5.5) that the JavaScript API does not show. */

export const hasMaximum = 1;
const end = 0x0b;
const vectorPrefix = 0xfd;
/** f32.const and f64.const, whose bytes are not LEB128. */
const fixedConstant: Readonly<Record<number, number>> = { 0x43: 4, 0x44: 8 };
/** i32.add, i32.sub, i64.add, i64.sub. */
const withoutOperand: ReadonlySet<number> = new Set([0x6a, 0x6b, 0x7c, 0x7d]);

export class SectionReader {
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
    throw new Error('a number in a section has more than 32 bits');
  }

  skipName(): void {
    const length = this.unsigned();
    this.at += length;
  }

  name(): string {
    const length = this.unsigned();
    const from = this.at;
    this.at += length;
    return new TextDecoder().decode(this.#data.slice(from, this.at));
  }

  /** A constant expression: the instructions that may stand in one, up to their end (core specification, 3.3.7.2). */
  skipConstant(): void {
    for (let opcode = this.byte(); opcode !== end; opcode = this.byte()) {
      const fixed = fixedConstant[opcode];
      if (fixed !== undefined) this.at += fixed;
      else if (opcode === vectorPrefix) {
        this.unsigned();
        this.at += 16;
      } else if (!withoutOperand.has(opcode)) while (this.byte() >= 0x80);
    }
  }

  /** Function: type index. Table: type and limits. Memory: limits. Global: type and mutability. Tag: attribute and type index. */
  skipDescription(kind: number): void {
    if (kind === 0) this.unsigned();
    else if (kind === 1 || kind === 2) {
      if (kind === 1) this.byte();
      if ((this.byte() & hasMaximum) === hasMaximum) this.unsigned();
      this.unsigned();
    } else if (kind === 3) this.at += 2;
    else if (kind === 4) {
      this.byte();
      this.unsigned();
    } else throw new Error(`an import has the unknown kind ${String(kind)}`);
  }
}
