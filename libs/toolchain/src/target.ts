/** The target of every guest: features, fixed addresses and the imports that may unwind. */

/** Flags of the clang driver that a user cannot change. Common symbols are off because the assembler does not take them. */
export const TARGET_FLAGS: readonly string[] = [
  '--target=wasm32-wasip1',
  '-matomics',
  '-mbulk-memory',
  '-msimd128',
  '-mnontrapping-fptoint',
  '-msign-ext',
  '-mmutable-globals',
  '-fno-common',
];

/**
 * What LLVM is told beyond the user's flags. It unrolls loops for WebAssembly up to a size (30) that gives most only two turns, and each turn
 * computes its addresses of 32 bits apart from the access, which gcc's code for the same loop does not. With eight turns a sparse
 * matrix-vector product takes 14% less time. The limit would hold for -Os as well, so it is for -O2 and -O3 only; -fno-unroll-loops wins.
 */
export function optimizerFlags(driverFlags: readonly string[]): readonly string[] {
  const level = driverFlags.findLast((flag) => flag.startsWith('-O'));
  return level === '-O2' || level === '-O3' ? ['-mllvm', '-unroll-partial-threshold=120'] : [];
}

/** C++ compiles with try, catch and throw; no code is made for catching, since a guest cannot unwind. See guest/exceptions.c. */
export const EXCEPTION_FLAGS = { c: ['-fno-exceptions'], cxx: ['-fcxx-exceptions', '-fexceptions', '-fignore-exceptions'] } as const;

/** wasi-libc declares these only for those who ask; the linker gets the libraries. */
export const EMULATION_DEFINES: readonly string[] = [
  '-D_WASI_EMULATED_SIGNAL',
  '-D_WASI_EMULATED_PROCESS_CLOCKS',
  '-D_WASI_EMULATED_GETPID',
  '-D_WASI_EMULATED_MMAN',
  '-D__verbena__=1',
];

/** VB_STACK_SIZE and VB_DATA_BASE of verbena/abi.h. The stack lies at the bottom, so that an overflow traps instead of writing over data. */
export const STACK_BYTES = 0x0080_0000;
export const DATA_BASE = 0x0081_0000;
const MEMORY_MAX_BYTES = 0x1_0000_0000;

/** wasi-libc's archive is built without atomics, hence no feature check; every guest has one thread, so nothing is missing. */
export const LINK_FLAGS: readonly string[] = [
  '-m',
  'wasm32',
  '--shared-memory',
  '--import-memory',
  `--max-memory=${String(MEMORY_MAX_BYTES)}`,
  '--no-check-features',
  '-z',
  `stack-size=${String(STACK_BYTES)}`,
  '--stack-first',
  `--global-base=${String(DATA_BASE)}`,
  '--wrap=sbrk',
  '--wrap=chmod',
  '--wrap=fchmod',
  '--export=__stack_pointer',
  '--export-if-defined=__tls_base',
  '--strip-debug',
  '-L/usr/lib/wasm32-unknown-wasip1',
  '-L/usr/lib/wasm32-wasip1',
];

/** The imports over which a guest may unwind: a sleeping hypercall and a sleeping system call. */
export const BLOCKING_IMPORTS: readonly string[] = ['verbena.hypercall_block', 'wasi_snapshot_preview1.poll_oneoff'];

/** Address of event_page.poll of verbena/abi.h. */
export const POLL_WORD = 0x0080_1010;
/** What a poll calls when the hypervisor wants something, see guest/poll.c. */
export const POLL_FUNCTION = 'vb_poll';

/** Memory that a guest gets when its job does not say, and the room that is added when its own data needs more. */
export const DEFAULT_MEMORY_BYTES = 256 * 1024 * 1024;
export const MEMORY_ROOM_BYTES = 64 * 1024 * 1024;
