import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { algorithmsOf, collectives, parseTuning, tuningVariables, type TuningRow } from '../run/mpi-tuning.ts';
import { isAble, quickest, tableOf, tuningFile, type Sample } from './tune.ts';

/** As the library chooses: the first row that fits and can do it. */
const choose = (rows: readonly TuningRow[], call: Omit<Sample, 'algorithm' | 'microseconds'>): string | undefined =>
  rows.find(
    (row) =>
      row.collective === call.collective &&
      (row.where === '*' || row.where === call.where) &&
      call.ranks <= row.ranks &&
      call.bytes <= row.bytes &&
      isAble(call, row.algorithm),
  )?.algorithm;

const callOf = fc.record({
  collective: fc.constantFrom(...collectives),
  where: fc.constantFrom('one' as const, 'spread' as const, 'nested' as const),
  ranks: fc.constantFrom(2, 4, 6),
  bytes: fc.constantFrom(0, 8, 64, 512, 4096),
});
const measured = fc
  .array(fc.tuple(callOf, fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 4, maxLength: 8 })), { maxLength: 40 })
  .map((calls) =>
    calls.flatMap(([call, times]): Sample[] => {
      const able = algorithmsOf[call.collective].filter((algorithm) => isAble(call, algorithm));
      return times.map((microseconds, i) => ({ ...call, algorithm: able[i % able.length] ?? '', microseconds }));
    }),
  );

describe('a table of algorithms', () => {
  it('chooses for every call that was measured what was the quickest, also after it went through a file', () => {
    fc.assert(
      fc.property(measured, (samples) => {
        const rows = parseTuning(tuningFile(tableOf(samples), ['a comment']), 'table');
        for (const { collective, where, ranks, bytes } of samples) {
          const same = samples.filter((s) => s.collective === collective && s.where === where && s.ranks === ranks && s.bytes === bytes);
          expect(choose(rows, { collective, where, ranks, bytes })).toBe(quickest(same));
        }
      }),
    );
  });

  it('does not let noise choose', () => {
    const at = (algorithm: string, microseconds: number): Sample => ({
      ...{ collective: 'bcast', where: 'one', ranks: 4, bytes: 8 },
      ...{ algorithm, microseconds },
    });
    expect(quickest([at('binomial', 10), at('binomial', 14), at('scatter-ring', 9.5)])).toBe('binomial');
    expect(quickest([at('binomial', 10), at('scatter-ring', 12), at('scatter-ring', 8.5)])).toBe('scatter-ring');
  });

  it('knows the names that the library knows', () => {
    const source = readFileSync(new URL('../../../../libs/guest-mpi/src/coll/choice.c', import.meta.url), 'utf8');
    const names = (array: string): string[] => {
      const list = new RegExp(String.raw`\*const ${array}\[[^\]]*\] = \{([^}]*)\}`).exec(source)?.[1] ?? '';
      return [...list.matchAll(/"([^"]+)"/g)].map(([, name]) => name ?? '').sort();
    };
    expect(names('kinds')).toEqual([...collectives].sort());
    expect(names('algorithms')).toEqual([...new Set(Object.values(algorithmsOf).flat())].sort());
  });

  it.each([
    ['bcast one 4 8', 'wants five words'],
    ['gather one 4 8 binomial', 'there is no table for "gather", only for barrier'],
    ['bcast here 4 8 binomial', '"here" is not one of one, spread, nested, *'],
    ['bcast one four 8 binomial', '"four" is neither a number nor *'],
    ['bcast one 4 -8 binomial', '"-8" is neither a number nor *'],
    ['bcast one 4294967296 8 binomial', '"4294967296" is neither'],
    ['bcast one 4 8 bruck', 'bcast has no algorithm "bruck", only binomial, scatter-ring, two-level'],
  ])('is refused with its line: %s', (line, why) => {
    expect(() => parseTuning(`# first\n\nbarrier * * * dissemination # fine\n${line}\n`, 'mine.tuning')).toThrow(
      `mine.tuning, line 4: ${why}`,
    );
  });

  it('comes to the library as a variable, without its comments', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'verbena-tuning-'));
    try {
      writeFileSync(join(cwd, 'mine.tuning'), '# of mine\n\tbcast  nested 16 4096\ttwo-level # tried\r\n\nbarrier * * * dissemination');
      expect(await tuningVariables(undefined, cwd)).toEqual([]);
      expect(await tuningVariables('mine.tuning', cwd)).toEqual([
        'VERBENA_MPI_TUNING=bcast nested 16 4096 two-level;barrier * * * dissemination',
      ]);
      await expect(tuningVariables('none.tuning', cwd)).rejects.toThrow('none.tuning: no such file');
    } finally {
      rmSync(cwd, { recursive: true });
    }
  });

  it('has no more rows than the library takes', () => {
    const rows = (count: number): string => 'barrier * * * dissemination\n'.repeat(count);
    expect(parseTuning(rows(256), 'many')).toHaveLength(256);
    expect(() => parseTuning(rows(257), 'many')).toThrow('many has 257 rows; the library takes 256');
  });
});
