import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as mirror from './index.ts';
import { mirrorOf, probe } from './testing/index.ts';

const header = (name: string): string => readFileSync(new URL(`../include/verbena/${name}`, import.meta.url), 'utf8');

type AnyStruct = Parameters<typeof mirrorOf>[0][number];
const isStruct = (value: unknown): value is AnyStruct => typeof value === 'object' && value !== null && 'offsets' in value;
const exported: readonly (readonly [string, unknown])[] = Object.entries(mirror);
const structs = exported.map(([, value]) => value).filter(isStruct);
const constants = Object.fromEntries(exported.filter(([, value]) => typeof value === 'number'));

describe('the mirror of the headers that guest and host share', () => {
  it('has every offset, size and constant as a C compiler sees them', async () => {
    const found = await probe({
      files: { 'include/verbena/abi.h': header('abi.h'), 'include/verbena/hca.h': header('hca.h') },
      include: ['include'],
      headers: ['verbena/abi.h', 'verbena/hca.h'],
      structs,
      constants: Object.keys(constants),
    });
    expect(mirrorOf(structs)).toEqual(found.layout);
    expect(constants).toEqual(found.constants);
  }, 120_000);

  it('leaves out no structure and no constant of the headers', () => {
    const text = header('abi.h') + header('hca.h');
    const declared = [...text.matchAll(/^struct (\w+) \{/gm)].map((match) => match[1]);
    expect(structs.map((each) => each.name).sort()).toEqual(declared.sort());
    const defined = [...text.matchAll(/^#define (VB_\w+) [-(0-9]/gm)].map((match) => match[1]);
    expect(Object.keys(constants).sort()).toEqual(defined.sort());
  });
});
