/** What a C header says about its structures and constants, by compiling it. */
import type { Struct } from '@verbena/binary';
import { compileC } from './compile-c.ts';

type AnyStruct = Pick<Struct<Record<string, never>>, 'name' | 'size'> & { readonly offsets: Readonly<Record<string, number>> };

export interface ProbeRequest {
  readonly files: Readonly<Record<string, string>>;
  readonly include: readonly string[];
  readonly headers: readonly string[];
  readonly structs: readonly AnyStruct[];
  readonly constants: readonly string[];
}

export interface Probe {
  /** `struct.field` to offset, and `struct` to size. */
  readonly layout: Readonly<Record<string, number>>;
  readonly constants: Readonly<Record<string, number>>;
}

/** What the mirror says, in the same form. */
export function mirrorOf(structs: readonly AnyStruct[]): Record<string, number> {
  return Object.fromEntries(
    structs.flatMap((each) => [
      [each.name, each.size],
      ...Object.entries(each.offsets).map(([field, offset]): [string, number] => [`${each.name}.${field}`, offset]),
    ]),
  );
}

/** Compiles the headers with a table of everything asked for, and reads the table. */
export async function probe({ files, include, headers, structs, constants }: ProbeRequest): Promise<Probe> {
  const keys = Object.keys(mirrorOf(structs));
  const questions = keys.map((key) => {
    const [name, field] = key.split('.');
    return field === undefined ? `sizeof(struct ${name})` : `offsetof(struct ${name}, ${field})`;
  });
  const rows = [...questions, ...constants].map((each) => `(long long)(${each}),`);
  const includes = ['stddef.h', ...headers].map((name) => `#include <${name}>`);
  const source = `${includes.join('\n')}\nconst long long answers[] = {\n${rows.join('\n')}\n};\n`;
  const wasm = await compileC({ files: { ...files, 'probe.c': source }, include, exports: ['answers', '__wasm_init_memory'] });
  const memory = new WebAssembly.Memory({ initial: 256, maximum: 65536, shared: true });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } });
  const at = (instance.exports['answers'] as WebAssembly.Global).value as number;
  const view = new DataView(memory.buffer, at);
  const answer = (i: number): number => Number(view.getBigInt64(8 * i, true));
  return {
    layout: Object.fromEntries(keys.map((key, i) => [key, answer(i)])),
    constants: Object.fromEntries(constants.map((name, i) => [name, answer(keys.length + i)])),
  };
}
