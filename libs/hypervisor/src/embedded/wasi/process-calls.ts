/** Arguments, environment, clocks, randomness and the end of a program. */
import { errno } from './errno.ts';
import type { WasiContext } from './context.ts';
import { fillRandom } from './devices.ts';
import { clockId } from './layouts.ts';

/** Signal numbers of WASI are those of Linux; a program that raises one ends as if killed by it. */
const signalLimit = 31;

export function processCalls({ vmm, clock, args, environ }: WasiContext) {
  const { memory } = vmm;
  const sizes = (strings: readonly Uint8Array[], count: number, bytes: number): number => {
    memory.setU32(count, strings.length);
    memory.setU32(
      bytes,
      strings.reduce((sum, text) => sum + text.length, 0),
    );
    return errno.success;
  };
  const strings = (texts: readonly Uint8Array[], pointers: number, buffer: number): number => {
    let at = buffer >>> 0;
    texts.forEach((text, i) => {
      memory.setU32((pointers >>> 0) + 4 * i, at);
      memory.write(at, text);
      at += text.length;
    });
    return errno.success;
  };
  return {
    args_sizes_get: (count: number, bytes: number) => sizes(args, count, bytes),
    args_get: (pointers: number, buffer: number) => strings(args, pointers, buffer),
    environ_sizes_get: (count: number, bytes: number) => sizes(environ, count, bytes),
    environ_get: (pointers: number, buffer: number) => strings(environ, pointers, buffer),
    clock_res_get: (id: number, result: number) => {
      clock.now(id);
      memory.setU64(result, id === clockId.processCpu || id === clockId.threadCpu ? 1000n : 1n);
      return errno.success;
    },
    clock_time_get: (id: number, _precision: bigint, result: number) => {
      memory.setU64(result, clock.now(id));
      return errno.success;
    },
    random_get: (address: number, length: number) => {
      fillRandom(memory.window(address, length));
      return errno.success;
    },
    sched_yield: () => errno.success,
    proc_exit: (code: number): number => vmm.end({ cause: 'exited', exitCode: code & 0xff, detail: '' }),
    proc_raise: (signal: number): number => {
      if (signal < 0 || signal > signalLimit) return errno.inval;
      if (signal === 0) return errno.success;
      return vmm.end({ cause: 'trapped', exitCode: 128 + signal, detail: `the program raised signal ${String(signal)}` });
    },
    sock_accept: () => errno.notsock,
    sock_recv: () => errno.notsock,
    sock_send: () => errno.notsock,
    sock_shutdown: () => errno.notsock,
  };
}
