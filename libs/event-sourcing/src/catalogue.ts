/**
 * Versions of payloads. What was written years ago is read as what it would be today: each type has a chain of upcasters, the first from shape 1
 * to shape 2, and so on. The log itself is never rewritten.
 */
import { EventStoreError } from './errors.ts';

/** Turns a payload of one shape into the next. Pure, and never edited once it was released. */
export type Upcaster = (data: unknown) => unknown;

/** By event type, the upcasters from its first shape on. A type that is not named has had one shape only. */
export type EventCatalogue = Readonly<Record<string, readonly Upcaster[]>>;

/** The shape in which events of a type are written today, from 1. */
export function presentShape(catalogue: EventCatalogue, type: string): number {
  return upcastersOf(catalogue, type).length + 1;
}

/**
 * A payload as it would be written today.
 * @throws {EventStoreError} when it was written by a newer program, whose shapes this one cannot know
 */
export function upcast(catalogue: EventCatalogue, type: string, schema: number, data: unknown): unknown {
  const upcasters = upcastersOf(catalogue, type);
  if (schema === upcasters.length + 1) return data;
  if (schema > upcasters.length + 1) {
    const message = `an event ${type} of shape ${schema} was written by a newer version of Verbena; this one knows its shapes up to ${upcasters.length + 1}: run the newer one`;
    throw new EventStoreError('failed', message);
  }
  return upcasters.slice(schema - 1).reduce((shaped, next) => next(shaped), data);
}

function upcastersOf(catalogue: EventCatalogue, type: string): readonly Upcaster[] {
  return Object.hasOwn(catalogue, type) ? (catalogue[type] ?? []) : [];
}
