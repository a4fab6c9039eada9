import fc from 'fast-check';
import { expect, it } from 'vitest';
import { printable } from './printable.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

it('ends at the first NUL, and takes escapes, overrides and broken UTF-8 out', () => {
  expect(printable(bytes('MPI_Recv(source=3)\0rest'))).toBe('MPI_Recv(source=3)');
  expect(printable(bytes('a\x1b[2Jb\u202ec'))).toBe('a\ufffd[2Jb\ufffdc');
  expect(printable(new Uint8Array([0x61, 0xff, 0xc3]))).toBe('a\ufffd\ufffd');
  expect(printable(bytes('one\n\ttwo'), true)).toBe('one\n\ttwo');
});

it('gives no control character for any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (data) => {
      expect(printable(data)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }),
  );
});
