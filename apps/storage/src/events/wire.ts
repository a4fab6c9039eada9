/** Between the event log's words and the contract's. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { eventv1 } from '@verbena/contracts';
import type { EventFilter, RecordedEvent } from '@verbena/event-sourcing';
import { StorageError } from '../errors.ts';

export function eventOnWire(recorded: RecordedEvent): MessageInitShape<typeof eventv1.EventSchema> {
  const { position, id, stream, version, event, metadata, time } = recorded;
  return {
    position,
    id,
    stream,
    version,
    type: event.type,
    data: new TextEncoder().encode(JSON.stringify(event.data)),
    time: timestampFromDate(time),
    actor: metadata.actor,
    tenant: metadata.tenant,
    correlationId: metadata.correlationId ?? '',
    causationId: metadata.causationId ?? '',
    traceparent: metadata.traceparent ?? '',
    epoch: BigInt(metadata.epoch ?? 0),
  };
}

/** A filter's empty fields pass everything. */
export function filterFromWire(filter: eventv1.EventFilter | undefined): EventFilter {
  if (filter === undefined) return {};
  const { stream, types, jobId, vmId, nodeId, traceId, since, until } = filter;
  const subjects = [jobId, vmId, nodeId].filter((id) => id !== '');
  if (subjects.length > 1) throw new StorageError('invalid', `a filter names ${subjects.join(' and ')}: name one of them`);
  const [subject] = subjects;
  return {
    ...(stream && { stream }),
    ...(subject !== undefined && { subject }),
    ...(types.length > 0 && { types }),
    ...(traceId && { traceId }),
    ...(since && { since: timestampDate(since) }),
    ...(until && { until: timestampDate(until) }),
  };
}

/** @throws {StorageError} invalid, naming the event that is no JSON */
export function payloadFromWire({ type, data }: eventv1.NewEvent): { type: string; data: unknown } {
  try {
    return { type, data: data.length === 0 ? null : (JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data)) as unknown) };
  } catch (cause) {
    throw new StorageError('invalid', `the data of the event ${type} is not JSON in UTF-8`, { cause });
  }
}
