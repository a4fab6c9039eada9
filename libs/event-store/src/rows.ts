import type { RecordedEvent } from '@verbena/event-sourcing';
import type { EventRow } from './schema.ts';

/** A row as its readers know it; what the writer left out stays out. */
export function recordedEvent(row: EventRow): RecordedEvent {
  return {
    position: row.position,
    id: row.id,
    stream: row.stream,
    version: row.version,
    event: { type: row.type, data: row.data },
    metadata: {
      actor: row.actor,
      tenant: row.tenant,
      ...(row.correlation_id !== null && { correlationId: row.correlation_id }),
      ...(row.causation_id !== null && { causationId: row.causation_id }),
      ...(row.traceparent !== null && { traceparent: row.traceparent }),
      ...(row.epoch !== null && { epoch: Number(row.epoch) }),
    },
    time: row.time,
  };
}
