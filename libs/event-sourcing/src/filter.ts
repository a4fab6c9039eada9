/** What an EventFilter means, in one place: every store gives the same answers as this function. */
import type { EventFilter, RecordedEvent } from './event-store.ts';
import { concerns } from './subjects.ts';

/** The trace id of a W3C traceparent, or undefined when it is absent or malformed (W3C Trace Context, section 3.2). */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent ?? '')?.[1];
}

/** Whether a stream's name is what a filter asks for: equal, or beginning with what stands before a final "*". */
export function streamMatches(wanted: string, stream: string): boolean {
  return wanted.endsWith('*') ? stream.startsWith(wanted.slice(0, -1)) : stream === wanted;
}

/** Whether an event passes; an absent field passes everything, an empty list of types nothing. */
export function matches(filter: EventFilter | undefined, recorded: RecordedEvent): boolean {
  if (filter === undefined) return true;
  const { stream, types, correlationId, subject, tenant, traceId, since, until } = filter;
  return (
    (stream === undefined || streamMatches(stream, recorded.stream)) &&
    (types === undefined || types.includes(recorded.event.type)) &&
    (correlationId === undefined || recorded.metadata.correlationId === correlationId) &&
    (subject === undefined || concerns(recorded, subject)) &&
    (tenant === undefined || recorded.metadata.tenant === tenant) &&
    (traceId === undefined || traceIdOf(recorded.metadata.traceparent) === traceId) &&
    (since === undefined || recorded.time >= since) &&
    (until === undefined || recorded.time < until)
  );
}
