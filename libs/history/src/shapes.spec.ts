import { readdirSync, readFileSync } from 'node:fs';
import { presentShape, upcast } from '@verbena/event-sourcing';
import { describe, expect, it } from 'vitest';
import { catalogue } from './catalogue.ts';
import { modelOf, models } from './models.ts';
import { samples } from './samples.fixture.ts';

const directory = new URL('../fixtures/', import.meta.url);
const fixture = (type: string, shape: number): unknown =>
  JSON.parse(readFileSync(new URL(`${type}.v${String(shape)}.json`, directory), 'utf8')) as unknown;
const types = Object.keys(catalogue) as (keyof typeof catalogue)[];

describe('the shapes of events', () => {
  it.each(types)('%s is written as its newest fixture says', (type) => {
    const shape = presentShape(catalogue, type);
    const advice = `the payload of ${type} has changed: what is in logs already must stay readable. Add an upcaster to catalogue.ts and fixtures/${type}.v${String(shape + 1)}.json, and leave the old fixtures`;
    expect(samples[type], advice).toEqual(fixture(type, shape));
  });

  it.each(types)('%s of every older shape is read as one of today', (type) => {
    const present = presentShape(catalogue, type);
    for (let shape = 1; shape <= present; shape++) {
      expect(outline(upcast(catalogue, type, shape, fixture(type, shape))), `shape ${String(shape)}`).toEqual(outline(samples[type]));
    }
  });

  it('have a fixture each, and there is none of a type or a shape that is not', () => {
    const wanted = types.flatMap((type) =>
      Array.from({ length: presentShape(catalogue, type) }, (_, index) => `${type}.v${String(index + 1)}.json`),
    );
    expect(readdirSync(directory).sort()).toEqual(wanted.sort());
  });
});

describe('a model', () => {
  it('is found by how a stream’s name begins, and by no other', () => {
    for (const { prefix, name } of models) expect(modelOf(`${prefix}7k2m9q`)?.name).toBe(name);
    expect(modelOf('stranger-1')).toBeUndefined();
    expect(models.filter(({ prefix }) => models.some((other) => other.prefix !== prefix && other.prefix.startsWith(prefix)))).toEqual([]);
  });
});

/** Names and kinds, without the values. */
function outline(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(outline);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, outline(inner)]));
  return typeof value;
}
