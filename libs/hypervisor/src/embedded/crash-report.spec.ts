import { describe, expect, it } from 'vitest';
import { crashReport, describeTrap, isTrap } from './crash-report.ts';

function trapOf(message: string, frames: readonly string[]): Error {
  const error = new WebAssembly.RuntimeError(message);
  error.stack = [
    `RuntimeError: ${message}`,
    ...frames.map((frame) => `    at ${frame}`),
    '    at runProgram (file:///opt/verbena/vcpu.ts:50:5)',
  ].join('\n');
  return error;
}

const frame = (name: string, index: number): string =>
  `${name} (wasm://wasm/solver-0a1b2c3d:wasm-function[${String(index)}]:0x${(256 + index).toString(16)})`;

describe('crash reports', () => {
  it('name the functions, without the module’s name and without paths of the host', () => {
    const trap = describeTrap(
      trapOf('divide by zero', [frame('a.out.step', 7), frame('a.out.main', 3), frame('a.out._start', 1)]),
      undefined,
    );
    const report = crashReport(4, trap);
    expect(report).toBe(
      'rank 4: integer division by zero\nbacktrace, innermost first:\n  #0 step +0x107\n  #1 main +0x103\n  #2 _start +0x101',
    );
    expect(report).not.toContain('/opt');
  });

  it('give a number to a function without a name', () => {
    expect(describeTrap(trapOf('unreachable', ['wasm://wasm/0a1b2c3d:wasm-function[12]:0x1a3']), undefined).frames).toEqual([
      'function 12 +0x1a3',
    ]);
  });

  it('tell a stack overflow from other accesses out of bounds by the stack pointer', () => {
    const frames = [frame('recurse', 2), frame('_start', 1)];
    expect(describeTrap(trapOf('memory access out of bounds', frames), -4096).kind).toMatch(/stack overflow/);
    expect(describeTrap(trapOf('memory access out of bounds', frames), 8_000_000).kind).toMatch(/out of bounds/);
    expect(describeTrap(trapOf('table index is out of bounds', frames), -1).kind).toMatch(/function pointer/);
  });

  it('fold equal frames, and show the ends of a long backtrace', () => {
    const repeated = describeTrap(
      trapOf('unreachable', [...Array.from({ length: 200 }, () => frame('recurse', 2)), frame('_start', 1)]),
      undefined,
    );
    expect(crashReport(0, repeated)).toContain('#0 recurse +0x102 (200 times)\n  #200 _start');
    const long = describeTrap(
      trapOf(
        'unreachable',
        Array.from({ length: 200 }, (_, i) => frame(`f${String(i)}`, i)),
      ),
      undefined,
    );
    expect(crashReport(0, long)).toContain('... 172 more');
    expect(crashReport(0, long)).toContain('#199 f199');
  });

  it('take only what V8 throws for the guest’s own fault for a trap', () => {
    expect(isTrap(new WebAssembly.RuntimeError('unreachable'))).toBe(true);
    expect(isTrap(new RangeError('Maximum call stack size exceeded'))).toBe(true);
    expect(isTrap(new RangeError('offset is out of bounds'))).toBe(false);
    expect(isTrap('unreachable')).toBe(false);
  });
});
