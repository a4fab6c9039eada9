/**
 * Terms of the index of events: whom an event concerns, its type, and the trace it belongs to, as 64 bits. Two terms may share a number, so whoever looks
 * one up checks what is found.
 */
import { subjectsOf, traceIdOf, type RecordedEvent } from '@verbena/event-sourcing';

/** The table, in the schema of the read models. */
export const eventIndex = 'verbena_read.event_index';

export const traceTerm = (traceId: string): string => `trace:${traceId}`;
export const typeTerm = (type: string): string => `type:${type}`;

export function termsOf(recorded: Pick<RecordedEvent, 'stream' | 'metadata' | 'event'>): readonly string[] {
  const traceId = traceIdOf(recorded.metadata.traceparent);
  const terms = [...subjectsOf(recorded), typeTerm(recorded.event.type)];
  if (traceId !== undefined) terms.push(traceTerm(traceId));
  return terms;
}

/** FNV-1a with two offsets, the halves stirred into each other at the end (the finalizer of MurmurHash3). */
export function termOf(text: string): bigint {
  let [high, low] = [0x811c9dc5, 0x9747b28c];
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x01000193) + (high >>> 15);
  }
  return BigInt.asIntN(64, (BigInt(stirred(high) >>> 0) << 32n) | BigInt(stirred(low ^ high) >>> 0));
}

function stirred(half: number): number {
  let mixed = half ^ (half >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
