/** How one field lies in memory: C's size and alignment on wasm32, little-endian. */
export interface Field<T> {
  readonly size: number;
  readonly align: number;
  read(view: DataView, offset: number): T;
  write(view: DataView, offset: number, value: T): void;
}

export const u8: Field<number> = {
  size: 1,
  align: 1,
  read: (view, offset) => view.getUint8(offset),
  write: (view, offset, value) => view.setUint8(offset, value),
};

export const u16: Field<number> = {
  size: 2,
  align: 2,
  read: (view, offset) => view.getUint16(offset, true),
  write: (view, offset, value) => view.setUint16(offset, value, true),
};

export const u32: Field<number> = {
  size: 4,
  align: 4,
  read: (view, offset) => view.getUint32(offset, true),
  write: (view, offset, value) => view.setUint32(offset, value, true),
};

export const i32: Field<number> = {
  size: 4,
  align: 4,
  read: (view, offset) => view.getInt32(offset, true),
  write: (view, offset, value) => view.setInt32(offset, value, true),
};

export const u64: Field<bigint> = {
  size: 8,
  align: 8,
  read: (view, offset) => view.getBigUint64(offset, true),
  write: (view, offset, value) => view.setBigUint64(offset, value, true),
};

function bytesAt(view: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length);
}

/** `length` bytes. Reading copies; writing fewer bytes fills up with zeros, writing more throws a RangeError. */
export function bytes(length: number): Field<Uint8Array> {
  return {
    size: length,
    align: 1,
    read: (view, offset) => bytesAt(view, offset, length).slice(),
    write(view, offset, value) {
      if (value.length > length) throw new RangeError(`${value.length} bytes do not fit a field of ${length}`);
      const target = bytesAt(view, offset, length);
      target.fill(0);
      target.set(value);
    },
  };
}

/** A NUL-terminated UTF-8 string in `length` bytes; a longer one is cut between two characters. */
export function cstring(length: number): Field<string> {
  const raw = bytes(length);
  return {
    size: length,
    align: 1,
    read(view, offset) {
      const all = raw.read(view, offset);
      const end = all.indexOf(0);
      return new TextDecoder().decode(end === -1 ? all : all.subarray(0, end));
    },
    write(view, offset, value) {
      let encoded = new TextEncoder().encode(value);
      if (encoded.length > length - 1) {
        let end = length - 1;
        while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end--;
        encoded = encoded.subarray(0, end);
      }
      raw.write(view, offset, encoded);
    },
  };
}

/** `count` fields of one type, one behind the other. */
export function array<T>(field: Field<T>, count: number): Field<readonly T[]> {
  return {
    size: field.size * count,
    align: field.align,
    read: (view, offset) => Array.from({ length: count }, (_, i) => field.read(view, offset + i * field.size)),
    write(view, offset, values) {
      if (values.length !== count) throw new RangeError(`${values.length} values given for an array of ${count}`);
      values.forEach((value, i) => field.write(view, offset + i * field.size, value));
    },
  };
}
