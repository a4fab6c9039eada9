import { create } from '@bufbuild/protobuf';
import { FieldMaskSchema } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { jobv1 } from '@verbena/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { masked } from './masked.ts';
import { pageOf } from './paging.ts';

const numbers = Array.from({ length: 25 }, (_, index) => index);
const key = (value: number): string => `n-${value}`;

/** All pages after each other; `before` may change what is shown before each page. */
function pages(size: number, shown: (page: number) => (value: number) => boolean = () => () => true): number[][] {
  const found: number[][] = [];
  let token = '';
  do {
    const { items, nextPageToken } = pageOf(numbers, key, size, token, shown(found.length));
    found.push([...items]);
    token = nextPageToken;
  } while (token !== '');
  return found;
}

describe('a list in pages', () => {
  it('is whole, whatever the size of its pages', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 40 }), (size) => void expect(pages(size).flat()).toEqual(numbers)));
    expect(pages(10).map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(pages(25)).toHaveLength(1);
  });

  it('goes on behind an item that is no longer shown', () => {
    const odd = (value: number): boolean => value % 2 === 1;
    const found = pages(3, (page) => (page === 0 ? () => true : odd));
    expect(found.flat()).toEqual([0, 1, 2, ...numbers.filter((value) => value > 2 && odd(value))]);
  });

  it('has a default and a largest size', () => {
    const many = Array.from({ length: 1_500 }, (_, index) => index);
    expect(pageOf(many, key, 0, '').items).toHaveLength(100);
    expect(pageOf(many, key, 5_000, '').items).toHaveLength(1_000);
  });

  it('has tokens that say nothing, and takes no others', () => {
    const { nextPageToken } = pageOf(numbers, key, 3, '');
    expect(nextPageToken).not.toContain('n-2');
    for (const token of ['n-2', 'x', '%%%']) expect(() => pageOf(numbers, key, 3, token)).toThrow(/page token is of no page/);
  });
});

describe('messages of a list', () => {
  it('have the fields that were asked for', () => {
    const jobs = [create(jobv1.JobSchema, { id: 'job-1', reason: 'x' })];
    const of = (...paths: string[]) => masked(jobv1.JobSchema, jobs, create(FieldMaskSchema, { paths }));
    expect(of('id')).toMatchObject([{ id: 'job-1', reason: '' }]);
    expect(() => of('colour')).toThrow(expect.objectContaining({ code: Code.InvalidArgument }) as Error);
  });
});
