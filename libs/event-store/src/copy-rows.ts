/** Rows in COPY's binary format (PostgreSQL documentation, COPY, "Binary Format"): a header, then for each row its fields with their lengths. */

const signature = Buffer.from('PGCOPY\n\u00ff\r\n\0', 'latin1');
/** Signature, flags, length of the header's extension. */
export const headerBytes = signature.length + 8;
const firstBytes = 64 << 10;
/** Milliseconds from 1970 to 2000, where Postgres begins to count. */
export const postgresEpochMs = 946_684_800_000;

export class RowWriter {
  #buffer = Buffer.allocUnsafe(firstBytes);
  #length = 0;

  constructor() {
    this.#length = signature.copy(this.#buffer);
    this.#length = this.#buffer.fill(0, this.#length, this.#length + 8) && this.#length + 8;
  }

  get bytes(): number {
    return this.#length;
  }

  row(fields: number): void {
    this.#room(2);
    this.#length = this.#buffer.writeInt16BE(fields, this.#length);
  }

  nothing(): void {
    this.#room(4);
    this.#length = this.#buffer.writeInt32BE(-1, this.#length);
  }

  int2(value: number): void {
    this.#room(6);
    this.#length = this.#buffer.writeInt16BE(value, this.#buffer.writeInt32BE(2, this.#length));
  }

  int4(value: number): void {
    this.#room(8);
    this.#length = this.#buffer.writeInt32BE(value, this.#buffer.writeInt32BE(4, this.#length));
  }

  int8(value: bigint): void {
    this.#room(12);
    this.#length = this.#buffer.writeBigInt64BE(value, this.#buffer.writeInt32BE(8, this.#length));
  }

  /** A timestamp with time zone: microseconds since 2000. */
  time(ms: number): void {
    this.int8(BigInt(Math.round((ms - postgresEpochMs) * 1_000)));
  }

  text(value: string): void {
    this.#room(4 + value.length * 3);
    const written = this.#buffer.write(value, this.#length + 4);
    this.#buffer.writeInt32BE(written, this.#length);
    this.#length += 4 + written;
  }

  textOrNothing(value: string | undefined): void {
    if (value === undefined) this.nothing();
    else this.text(value);
  }

  binary(value: Uint8Array): void {
    this.#room(4 + value.length);
    this.#length = this.#buffer.writeInt32BE(value.length, this.#length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  /** The rows with their trailer. The writer is of no use afterwards. */
  end(): Buffer {
    this.#room(2);
    this.#length = this.#buffer.writeInt16BE(-1, this.#length);
    return this.#buffer.subarray(0, this.#length);
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
