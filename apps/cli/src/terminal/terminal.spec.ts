import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { memoryIo } from './io.fixture.ts';
import { bar, progressLine, together } from './progress.ts';
import { factLines, tableLines, type Column } from './table.ts';
import { displayWidth, plain, truncate, wrap } from './text.ts';
import { humanBytes, humanSeconds, parseBytes, parseCount, parseSeconds } from './units.ts';

describe('sizes and times', () => {
  it('are written with three digits or fewer', () => {
    expect([0, 1023, 1024, 1536, 10 * 2 ** 20, 1048575, 2n ** 40n].map(humanBytes)).toEqual([
      '0 B',
      '1023 B',
      '1 KiB',
      '1.5 KiB',
      '10 MiB',
      '1 MiB',
      '1 TiB',
    ]);
    expect([0, 0.0123, 0.9999, 1, 59.94, 59.96, 75, 3600, 93784, Number.NaN].map(humanSeconds)).toEqual([
      '0 ms',
      '12 ms',
      '1 s',
      '1 s',
      '59.9 s',
      '1m0s',
      '1m15s',
      '1h0m',
      '1d2h',
      '-',
    ]);
  });

  it('are read as people write them', () => {
    expect(['512M', '1.5G', '64KiB', '1048576', '2 mb'].map(parseBytes)).toEqual([2 ** 29, 1.5 * 2 ** 30, 65536, 1048576, 2 ** 21]);
    expect(['90', '90s', '10m', '1h30m', '500ms', '00:10:00', '1:30'].map(parseSeconds)).toEqual([90, 90, 600, 5400, 0.5, 600, 90]);
  });

  it('are refused with an example when they make no sense', () => {
    for (const text of ['', 'lots', '-1', '1X', '0x10']) expect(() => parseBytes(text)).toThrow(/not a size; write for example 512M/);
    for (const text of ['', 'soon', '-3s', '0', '3 s m', '1:2:3:4'])
      expect(() => parseSeconds(text)).toThrow(/not a duration; write for example/);
    for (const text of ['0', '-1', '1.5', 'ostdlib', '1e3'])
      expect(() => parseCount('-n', 1, 10)(text)).toThrow(/-n wants a whole number from 1 to 10/);
  });
});

describe('text from elsewhere', () => {
  it('cannot drive the terminal', () => {
    expect(plain('a\u001b[2Jb\r\nc\u0007\u202e')).toBe('a\ufffd[2Jb c\ufffd\ufffd');
  });

  it('is cut to a width that counts wide and combining characters', () => {
    expect(displayWidth('e\u0301日本')).toBe(5);
    expect(truncate('日本語', 5)).toBe('日本…');
    expect(truncate('abc', 3)).toBe('abc');
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 40 }),
        (text, width) => displayWidth(truncate(plain(text), width)) <= width,
      ),
    );
  });

  it('is wrapped at spaces', () => {
    expect(wrap('one two three', 8, '  ')).toBe('one two\n  three');
  });
});

describe('tables', () => {
  interface Row {
    readonly id: string;
    readonly name: string;
    readonly reason: string;
  }
  const columns: readonly Column<Row>[] = [
    { title: 'JOB', value: ({ id }) => id },
    { title: 'NAME', value: ({ name }) => name, least: 8 },
    { title: 'RANKS', value: () => '8', align: 'right' },
    { title: 'REASON', value: ({ reason }) => reason, least: 10 },
  ];

  it('fit 80 columns whatever is in them, and show identifiers in full', () => {
    const row = fc.record({
      id: fc.constantFrom('job-7k2m9q0abc', 'job-1'),
      name: fc.string({ unit: 'grapheme' }),
      reason: fc.string({ unit: 'grapheme', maxLength: 300 }),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (rows) => {
        const lines = tableLines(columns, rows, 80);
        expect(lines.length).toBe(rows.length + 1);
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(80);
        rows.forEach(({ id }, index) => expect(lines[index + 1]?.startsWith(id)).toBe(true));
      }),
    );
  });

  it('align, mark what is empty, and end without blanks', () => {
    expect(tableLines(columns, [{ id: 'job-1', name: '', reason: 'waits for cores' }], 80)).toEqual([
      'JOB    NAME  RANKS  REASON',
      'job-1  -         8  waits for cores',
    ]);
  });

  it('say nothing about nothing', () => {
    expect(tableLines(columns, [], 80)).toEqual([]);
  });

  it('of facts are cut, too', () => {
    expect(
      factLines(
        [
          ['Job', 'x'.repeat(100)],
          ['Program', 'ep'],
        ],
        20,
      ),
    ).toEqual(['Job      xxxxxxxxxx…', 'Program  ep']);
  });
});

describe('the progress line', () => {
  afterEach(() => void vi.useRealTimers());

  it('replaces itself, is cut to the terminal, and is erased', () => {
    vi.useFakeTimers();
    const io = memoryIo({ stderrIsTerminal: true, columns: 20 });
    const progress = progressLine(io);
    progress.show('building a-program-with-a-long-name.c');
    vi.advanceTimersByTime(100);
    progress.show('uploading 10%');
    progress.clear();
    progress.clear();
    expect(io.stderrText()).toBe('\r\u001b[2Kbuilding a-program…\r\u001b[2Kuploading 10%\r\u001b[2K');
  });

  it('is not drawn more often than can be read, and ends with the last word', () => {
    vi.useFakeTimers();
    const io = memoryIo({ stderrIsTerminal: true });
    const progress = progressLine(io);
    for (let part = 1; part <= 100; part++) {
      progress.show(`uploading ${part}%`);
      vi.advanceTimersByTime(1);
    }
    vi.advanceTimersByTime(100);
    expect(io.stderrText().split('\r').length - 1).toBe(3);
    expect(io.stderrText()).toMatch(/100%$/);
  });

  it('tells of several things at once', () => {
    vi.useFakeTimers();
    const io = memoryIo({ stderrIsTerminal: true });
    const line = together(progressLine(io));
    const [build, start] = [line('build'), line('cluster')];
    const after = (step: () => void): string => {
      step();
      vi.advanceTimersByTime(100);
      return io.stderrText().split('\u001b[2K').at(-1) ?? '';
    };
    expect(after(() => build.show('building a.c'))).toBe('building a.c');
    expect(after(() => start.show('starting a cluster'))).toBe('building a.c, starting a cluster');
    expect(after(() => build.done())).toBe('starting a cluster');
    expect(after(() => start.done())).toBe('');
  });

  it('is nothing at all when standard error is no terminal, or with --quiet', () => {
    for (const [terminal, quiet] of [
      [false, false],
      [true, true],
    ] as const) {
      const io = memoryIo({ stderrIsTerminal: terminal });
      const progress = progressLine(io, { quiet });
      progress.show('building');
      progress.clear();
      expect(io.stderrText()).toBe('');
    }
  });

  it('has bars that never leave their bounds', () => {
    expect([bar(0, 4), bar(0.5, 4), bar(2, 4), bar(Number.NaN, 4)]).toEqual(['[....]   0%', '[##..]  50%', '[####] 100%', '[....]   0%']);
  });
});
