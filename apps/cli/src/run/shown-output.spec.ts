/** A job that goes on from a checkpoint shows what it wrote before it once, and says that what comes after it may have been seen. */
import { describe, expect, it } from 'vitest';
import { ShownOutput } from './shown-output.ts';

const piece = (attempt: number, offset: number, text: string, copied = false, rank = 0) => ({
  ...{ rank, stream: 1, attempt, copied, offset: BigInt(offset) },
  data: Buffer.from(text),
});
const text = (data: Uint8Array): string => Buffer.from(data).toString();

describe('output that a follower has shown', () => {
  it('of one attempt is all of it, and nothing is said', () => {
    const shown = new ShownOutput();
    const all = [piece(1, 0, 'one '), piece(1, 0, 'x', false, 1), piece(1, 4, 'two')].map((next) => shown.take(next));
    expect(all.map(({ data }) => text(data))).toEqual(['one ', 'x', 'two']);
    expect(all.some(({ note }) => note !== undefined)).toBe(false);
  });

  it('up to a checkpoint is not shown again', () => {
    const shown = new ShownOutput();
    shown.take(piece(1, 0, 'one two three'));
    const copy = shown.take(piece(2, 0, 'one two ', true));
    expect([text(copy.data), copy.note]).toEqual(['', expect.stringMatching(/attempt 2\), from its last checkpoint; .* comes again$/)]);
    expect(shown.take(piece(2, 8, 'three'))).toEqual({ data: Buffer.from('three') });
  });

  it('that had not been shown when its job was saved is shown from the copy', () => {
    const shown = new ShownOutput();
    shown.take(piece(1, 0, 'one '));
    expect(text(shown.take(piece(2, 0, 'one two ', true)).data)).toBe('two ');
    // A rank of which nothing had come.
    expect(text(shown.take(piece(2, 0, 'mine', true, 1)).data)).toBe('mine');
  });

  it('of a job that began again comes again, which is said once', () => {
    const shown = new ShownOutput();
    shown.take(piece(1, 0, 'one '));
    const begun = shown.take(piece(2, 0, 'one '));
    expect([text(begun.data), begun.note]).toEqual(['one ', expect.stringContaining('from its beginning')]);
    expect(shown.take(piece(2, 4, 'two')).note).toBeUndefined();
  });

  it('of whoever comes later is the copy, then the rest', () => {
    const shown = new ShownOutput();
    const all = [piece(3, 0, 'one ', true), piece(3, 4, 'two')].map((next) => shown.take(next));
    expect(all.map(({ data, note }) => [text(data), note])).toEqual([
      ['one ', undefined],
      ['two', undefined],
    ]);
  });
});
