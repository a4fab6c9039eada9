/** Crash reports: what went wrong in plain words, and where, with the function names of the module's name section. */
import { VB_NULL_ZONE } from '@verbena/guest-abi';

/** How the report of a stack that ran out begins. */
export const STACK_OVERFLOW = 'stack overflow';

/** V8's words for a trap, and ours. The first match counts. */
const kinds: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/maximum call stack/i, `${STACK_OVERFLOW}: the calls are nested too deeply`],
  [/unreachable/, 'abort: the program gave up (abort(), a failed assert(), or code that must not be reached)'],
  [
    /memory access out of bounds|data segment/,
    'memory access out of bounds: a wild or null-based pointer, or an index far outside its array',
  ],
  [/divide by zero|remainder by zero/, 'integer division by zero'],
  [/divide result unrepresentable/, 'integer overflow in a division (the smallest integer divided by -1)'],
  [/float unrepresentable/, 'conversion of a floating-point number that does not fit an integer'],
  [
    /signature mismatch|null function|table index is out of bounds|indirect call/,
    'call through a wrong function pointer (null, dangling, or of another type)',
  ],
  [/unaligned/, 'atomic access to an address that is not aligned'],
  [/table access|element segment/, 'table access out of bounds'],
];

export interface Trap {
  /** What happened, in plain words. */
  readonly kind: string;
  /** Innermost first: `function` or `wasm-function[n]`, with the byte offset in the module. */
  readonly frames: readonly string[];
}

/** Frames shown in a report: the innermost, and the outermost when there are more. */
const shownInner = 24;
const shownOuter = 4;
/** So many frames of V8's stack are read. */
export const framesRead = 256;

const frameOf = /^\s*at (?:(.*) \()?wasm:\/\/\S*?(?:wasm-function\[(\d+)\])?:(0x[0-9a-f]+)\)?$/;

/**
 * What a trap was, from the error that V8 throws for it.
 * @param stackPointer of the guest when it trapped, when known: a stack that ran below address 0 shows as an access out of bounds
 */
export function describeTrap(error: Error, stackPointer: number | undefined): Trap {
  const frames: string[] = [];
  for (const line of (error.stack ?? '').split('\n')) {
    const match = frameOf.exec(line);
    if (match === null) continue;
    const [, name = '', index = '?', offset = ''] = match;
    frames.push(`${name === '' ? `function ${index}` : name} +${offset}`);
  }
  stripModuleName(frames);
  const outOfBounds = /out of bounds/.test(error.message) && !error.message.includes('table');
  if (outOfBounds && stackOverflowed(frames, stackPointer)) return { kind: kinds[0]?.[1] ?? '', frames };
  const kind = kinds.find(([pattern]) => pattern.test(error.message))?.[1] ?? error.message;
  return { kind, frames };
}

/** V8 puts the module's name, if it has one, before each function's: "solver.main". It says nothing new. */
function stripModuleName(frames: string[]): void {
  const prefix = /^[^ ]*\./.exec(frames.at(-1) ?? '')?.[0];
  if (prefix === undefined || !frames.every((frame) => frame.startsWith(prefix))) return;
  frames.forEach((frame, i) => (frames[i] = frame.slice(prefix.length)));
}

/** A stack that is too deep runs through the null zone and below address 0, where addresses are huge and the pointer itself is negative. */
function stackOverflowed(frames: readonly string[], stackPointer: number | undefined): boolean {
  if (stackPointer !== undefined) return stackPointer < VB_NULL_ZONE + 4096;
  return frames.length >= framesRead - 16;
}

export function crashReport(rank: number, { kind, frames }: Trap): string {
  const lines = fold(frames);
  const shown =
    lines.length <= shownInner + shownOuter
      ? lines
      : [...lines.slice(0, shownInner), `  ... ${String(lines.length - shownInner - shownOuter)} more`, ...lines.slice(-shownOuter)];
  return [`rank ${String(rank)}: ${kind}`, ...(shown.length > 0 ? ['backtrace, innermost first:', ...shown] : ['(no backtrace)'])].join(
    '\n',
  );
}

/** Numbers the frames, and shows equal ones that follow each other once: endless recursion fills a backtrace with one line. */
function fold(frames: readonly string[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < frames.length;) {
    const frame = frames[i] ?? '';
    let end = i + 1;
    while (frames[end] === frame) end++;
    lines.push(`  #${String(i)} ${frame}${end - i > 1 ? ` (${String(end - i)} times)` : ''}`);
    i = end;
  }
  return lines;
}

/** True for the errors that V8 throws into WebAssembly frames for the guest's own fault. */
export function isTrap(error: unknown): error is Error {
  return error instanceof WebAssembly.RuntimeError || (error instanceof RangeError && /call stack/i.test(error.message));
}
