/**
 * Compiles WebAssembly straight to optimised code. V8 begins with quick baseline code and does not replace a function while it runs, so the
 * main loop of a guest would stay in baseline code until it returns, and a doorbell takes several times as long there.
 *
 * The choice is one for the whole process, so it is made for the time of the compilation only: whoever loads a compiler or another large
 * module in the meantime waits long for it, and after that no more.
 */
import { setFlagsFromString } from 'node:v8';

let compiling = 0;

function begin(): void {
  if (compiling++ > 0) return;
  setFlagsFromString('--no-liftoff');
  setFlagsFromString('--no-wasm-lazy-compilation');
}

function end(): void {
  if (--compiling > 0) return;
  setFlagsFromString('--liftoff');
  setFlagsFromString('--wasm-lazy-compilation');
}

/** Compiles in the background, in threads of V8's own. @throws WebAssembly.CompileError when the bytes are no module */
export async function compileOptimised(wasm: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  // Node counts a compilation in the background as no reason to stay alive.
  const alive = setInterval(() => undefined, 1000);
  begin();
  try {
    return await WebAssembly.compile(wasm);
  } finally {
    end();
    clearInterval(alive);
  }
}
