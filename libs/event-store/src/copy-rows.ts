/** Rows in COPY's binary format (PostgreSQL documentation, COPY, "Binary Format"): a header, then for each row its fields with their lengths. */

const signature = Buffer.from('PGCOPY\n\u00ff\r\n\0', 'latin1');
/** Signature, flags, length of the header's extension. */
export const headerBytes = signature.length + 8;
const firstBytes = 64 << 10;
/** Code and length of a CopyData message, and the whole of a CopyDone (PostgreSQL documentation, "Message Formats"). */
const [copyData, copyDone, envelopeBytes] = [0x64, 0x63, 5];
/** A writer that has grown beyond this is not kept. */
const keptBytes = 4 << 20;
/** Milliseconds from 1970 to 2000, where Postgres begins to count. */
export const postgresEpochMs = 946_684_800_000;

/** Rows within the message that carries them, so that they are written to the connection from where they were put together. */
export class RowWriter {
  #buffer = Buffer.allocUnsafe(firstBytes);
  #length = 0;

  constructor() {
    this.reset();
  }

  /** Begins anew in the same memory: many small buffers outside of the heap would keep the collector busy. */
  reset(): void {
    if (this.#buffer.length > keptBytes) this.#buffer = Buffer.allocUnsafe(firstBytes);
    const after = envelopeBytes + signature.copy(this.#buffer, envelopeBytes);
    this.#buffer.fill(0, after, after + 8);
    this.#length = after + 8;
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

  /** The messages of a COPY: its data, and that it is done. They are the writer's own memory, until it begins anew. */
  end(): Buffer {
    this.#room(2 + envelopeBytes);
    this.#length = this.#buffer.writeInt16BE(-1, this.#length);
    this.#envelope(copyData, 0, this.#length - 1);
    this.#envelope(copyDone, this.#length, 4);
    this.#length += envelopeBytes;
    return this.#buffer.subarray(0, this.#length);
  }

  /** The length counts itself, and not the code. */
  #envelope(code: number, at: number, length: number): void {
    this.#buffer.writeUInt8(code, at);
    this.#buffer.writeInt32BE(length, at + 1);
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
