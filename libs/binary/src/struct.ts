/**
 * Binary layouts declared as data. One declaration gives size, offsets, and typed reading and writing:
 *
 *   const sge = struct('vb_sge', { addr: u64, length: u32, lkey: u32 }, 16);
 *   sge.read(view, 0).lkey
 *
 * Fields lie as C lays them out on wasm32: each at the next multiple of its alignment, the whole padded to the largest. Padding is read as
 * nothing and written as it was. The stated size is asserted, so that a declaration cannot drift from its format unnoticed.
 */
import type { Field } from './field.ts';

type ValueOf<F> = F extends Field<infer T> ? T : never;
export type StructValue<S> = { readonly [K in keyof S]: ValueOf<S[K]> };

export interface Struct<S> extends Field<StructValue<S>> {
  readonly name: string;
  readonly fields: S;
  readonly offsets: { readonly [K in keyof S]: number };
  /** The structure as bytes of its own; fields that are not given are zero. */
  encode(value: Partial<StructValue<S>>): Uint8Array;
  /** Reads the structure from the start of `data`; throws a RangeError when `data` is too short. */
  decode(data: Uint8Array): StructValue<S>;
  /** Reads or writes one field. */
  get<K extends keyof S>(view: DataView, offset: number, key: K): ValueOf<S[K]>;
  set<K extends keyof S>(view: DataView, offset: number, key: K, value: ValueOf<S[K]>): void;
}

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Declares a structure. `size` in bytes is what the format's definition says; a RangeError is thrown when the fields give another. */
export function struct<S extends Readonly<Record<string, Field<unknown>>>>(name: string, shape: S, size?: number): Struct<S> {
  const fields: Readonly<Record<string, Field<unknown>>> = shape;
  const offsets: Record<string, number> = {};
  let end = 0;
  let align = 1;
  for (const [key, field] of Object.entries(fields)) {
    end = roundUp(end, field.align);
    offsets[key] = end;
    end += field.size;
    align = Math.max(align, field.align);
  }
  const total = roundUp(end, align);
  if (size !== undefined && size !== total) {
    throw new RangeError(`struct ${name} has ${total} bytes, but its format says ${size}: check the fields against their definition`);
  }
  const at = (key: string): number => offsets[key] ?? 0;
  const write = (view: DataView, offset: number, value: Readonly<Record<string, unknown>>): void => {
    for (const [key, field] of Object.entries(fields)) if (value[key] !== undefined) field.write(view, offset + at(key), value[key]);
  };
  const read = (view: DataView, offset: number): Record<string, unknown> =>
    Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, field.read(view, offset + at(key))]));
  const self = {
    name,
    size: total,
    align,
    fields: shape,
    offsets,
    read,
    write,
    encode(value: Readonly<Record<string, unknown>>): Uint8Array {
      const data = new Uint8Array(total);
      write(new DataView(data.buffer), 0, value);
      return data;
    },
    decode(data: Uint8Array): unknown {
      if (data.length < total) throw new RangeError(`struct ${name} needs ${total} bytes, ${data.length} are there`);
      return read(new DataView(data.buffer, data.byteOffset, data.byteLength), 0);
    },
    get: (view: DataView, offset: number, key: string) => fields[key]?.read(view, offset + at(key)),
    set: (view: DataView, offset: number, key: string, value: unknown) => fields[key]?.write(view, offset + at(key), value),
  };
  return self as unknown as Struct<S>;
}
