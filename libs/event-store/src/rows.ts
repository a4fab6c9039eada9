/** Events of the log as their readers know them. */
import { upcast, type EventCatalogue, type EventMetadata, type RecordedEvent } from '@verbena/event-sourcing';
import { formatId } from './event-ids.ts';
import type { PlannedEvent } from './plan.ts';
import type { EventRow } from './schema.ts';

/** A row, read as what it would be today; what the writer left out stays out. */
export function recordedEvent(row: EventRow, catalogue: EventCatalogue): RecordedEvent {
  return {
    position: row.position,
    id: row.id,
    stream: row.stream,
    version: row.version,
    event: { type: row.type, data: upcast(catalogue, row.type, row.schema, row.data) },
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

/** An event that has just been written, as it will be read. */
export function plannedEvent(planned: PlannedEvent, time: Date, catalogue: EventCatalogue): RecordedEvent {
  const { position, stream, version, metadata, event } = planned;
  return {
    position,
    id: formatId(event.id),
    stream,
    version,
    event: { type: event.type, data: upcast(catalogue, event.type, event.schema, JSON.parse(event.data) as unknown) },
    metadata: withoutAbsent(metadata),
    time,
  };
}

function withoutAbsent({ actor, tenant, correlationId, causationId, traceparent, epoch }: EventMetadata): EventMetadata {
  return {
    actor,
    tenant,
    ...(correlationId !== undefined && { correlationId }),
    ...(causationId !== undefined && { causationId }),
    ...(traceparent !== undefined && { traceparent }),
    ...(epoch !== undefined && { epoch }),
  };
}
