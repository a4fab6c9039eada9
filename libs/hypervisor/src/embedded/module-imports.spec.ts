import binaryen from 'binaryen';
import { describe, expect, it } from 'vitest';
import { checkImports, parseMemoryImport } from './module-imports.ts';

function assemble(text: string): Uint8Array<ArrayBuffer> {
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.Atomics | binaryen.Features.MutableGlobals | binaryen.Features.BulkMemory);
  return new Uint8Array(module.emitBinary());
}

const memory = '(import "env" "memory" (memory 200 65536 shared))';
const start = '(func (export "_start"))';

describe('what a guest module may import', () => {
  it('reads the limits of the memory behind imports of every kind', () => {
    const wasm = assemble(`(module
      (import "a" "f" (func (param i32)))
      (import "a" "t" (table 1 2 funcref))
      (import "a" "g" (global i32))
      ${memory} ${start})`);
    expect(parseMemoryImport(wasm)).toEqual({ initialPages: 200, maximumPages: 65_536 });
  });

  it.each([
    ['(module (func (export "_start")))', /imports nothing/],
    ['(module (import "env" "memory" (memory 1 2)) (func (export "_start")))', /shared/],
    ['(module (import "env" "f" (func)) (func (export "_start")))', /does not import env.memory/],
  ])('says what is wrong with the memory of %s', (text, words) => {
    expect(() => parseMemoryImport(assemble(text))).toThrow(words);
  });

  it('accepts the calls of the hypervisor, the adapter and WASI', () => {
    const wasm = assemble(`(module ${memory}
      (import "verbena" "hypercall_block" (func (param i32 i32 i32 i32 i32) (result i32)))
      (import "hca" "uar_write" (func (param i32 i32 i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))) ${start})`);
    expect(() => checkImports(new WebAssembly.Module(wasm))).not.toThrow();
  });

  it('names every import that no guest is given', () => {
    const wasm = assemble(
      `(module ${memory} (import "env" "system" (func)) (import "wasi_snapshot_preview1" "fd_teleport" (func)) ${start})`,
    );
    expect(() => checkImports(new WebAssembly.Module(wasm))).toThrow(
      /env\.system \(function\), wasi_snapshot_preview1\.fd_teleport \(function\)/,
    );
  });

  it('refuses a library', () => {
    expect(() => checkImports(new WebAssembly.Module(assemble(`(module ${memory})`)))).toThrow(/no function _start/);
  });

  it('ends at every cut of a module', () => {
    const wasm = assemble(`(module ${memory} ${start})`);
    for (let length = 8; length < 30; length++) {
      try {
        parseMemoryImport(wasm.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }
  });
});
