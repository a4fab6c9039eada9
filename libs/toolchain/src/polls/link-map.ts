/** Which functions of a linked module are the program's own, from the linker's map (wasm-ld --Map). */

/** A section of the module, and a function's place in the code section: address, offset, size, file and symbol. */
const section = /^ +- +[0-9a-f]+ +[0-9a-f]+ ([A-Z]+)$/;
const definition = /^ +- +[0-9a-f]+ +[0-9a-f]+ {9}(\S.*):\((.*)\)$/;

export interface LinkedFunction {
  readonly file: string;
  /** C++ names demangled. */
  readonly name: string;
}

/** The module's functions in the order of their indices, without imports. */
export function functionsOf(map: string): LinkedFunction[] {
  const functions: LinkedFunction[] = [];
  let inCode = false;
  for (const line of map.split('\n')) {
    const [, named] = section.exec(line) ?? [];
    if (named !== undefined) inCode = named === 'CODE';
    const [, file, name] = inCode ? (definition.exec(line) ?? []) : [];
    if (file !== undefined && name !== undefined) functions.push({ file, name });
  }
  return functions;
}
