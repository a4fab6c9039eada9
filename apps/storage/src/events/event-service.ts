/** EventService: the event log for those who hold no database credentials. Reading is for all, appending for the owners of VMs. */
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { eventv1 } from '@verbena/contracts';
import {
  checkAppend,
  type AppendResult,
  type EventFilter,
  type EventMetadata,
  type EventStore,
  type ReadModels,
  type StreamAppend,
} from '@verbena/event-sourcing';
import { callContext, currentTraceparent, seesEverything, type CallContext } from '@verbena/messaging';
import { masked } from '@verbena/service-kit';
import { edge, StorageError, streamEdge } from '../errors.ts';
import { historyMethods } from './history-methods.ts';
import type { VmOwners } from './vm-owners.ts';
import { eventOnWire, filterFromWire, payloadFromWire } from './wire.ts';

export interface EventServiceOptions {
  readonly store: EventStore;
  readonly history: ReadModels;
  /** Streams that may be written over the bus begin with one of these: every other one has a service as its only writer. */
  readonly writable: readonly string[];
  readonly owners: VmOwners;
}

const defaultPage = 100;
const maximumPage = 1_000;
const maximumBytes = 1 << 20;

export function eventService({ store, history, writable, owners }: EventServiceOptions): ServiceImpl<typeof eventv1.EventService> {
  return {
    listEvents: edge(async ({ filter, afterPosition, pageSize, descending, readMask }: eventv1.ListEventsRequest) => {
      const size = Math.min(pageSize || defaultPage, maximumPage);
      const after = afterPosition === 0n ? {} : { after: afterPosition };
      // One more than the page tells whether there is another.
      const found = await store.readAll({ ...after, limit: size + 1, descending, filter: visible(filterFromWire(filter)) });
      const page = found.slice(0, size);
      const next = found.length > size ? (page.at(-1)?.position ?? 0n) : 0n;
      const events = page.map((recorded) => create(eventv1.EventSchema, eventOnWire(recorded)));
      return { events: [...masked(eventv1.EventSchema, events, readMask)], nextAfterPosition: next };
    }),
    followEvents: streamEdge(async function* (request: eventv1.FollowEventsRequest, { signal }: { signal: AbortSignal }) {
      const options = { after: request.afterPosition, filter: visible(filterFromWire(request.filter)), signal };
      for await (const batch of store.follow(options)) yield { events: batch.map(eventOnWire) };
    }),
    appendEvents: edge(async (request: eventv1.AppendEventsRequest) => {
      const append = appendFromWire(request, writable);
      const options = { metadata: metadataOf(request), ...(request.commandId && { commandId: request.commandId }) };
      try {
        checkAppend([append], options);
      } catch (cause) {
        throw new StorageError('invalid', (cause as Error).message, { cause });
      }
      const { actor } = request;
      await owners.admit({ ...append, expectedVersion: request.expectedVersion, actor, epoch: Number(request.epoch) });
      return answerTo(await store.append([append], options));
    }),
    ...historyMethods(store, history),
  };
}

/** What the caller may know of: the events of its own tenant. */
function visible(filter: EventFilter): EventFilter {
  const caller = callContext();
  return seesEverything(caller) ? filter : { ...filter, tenant: caller.tenant };
}

function appendFromWire({ stream, expectedVersion, events }: eventv1.AppendEventsRequest, writable: readonly string[]): StreamAppend {
  if (!writable.some((prefix) => stream.startsWith(prefix))) {
    throw new StorageError(
      'not-yours',
      `the stream ${JSON.stringify(stream.slice(0, 80))} is not written over the bus; ${writable.join('*, ')}* are`,
    );
  }
  if (events.length === 0) throw new StorageError('invalid', `an append to ${stream} has no event`);
  const bytes = events.reduce((sum, { data }) => sum + data.length, 0);
  if (bytes > maximumBytes)
    throw new StorageError('invalid', `the events for ${stream} have ${bytes} bytes, at most ${maximumBytes} are taken at once`);
  return { stream, expectedVersion, events: events.map(payloadFromWire) };
}

function metadataOf({ actor, tenant, correlationId, causationId, epoch }: eventv1.AppendEventsRequest): EventMetadata {
  const caller = callContext();
  const traceparent = currentTraceparent();
  return {
    // A node signs with its own name, whatever it says.
    actor: nodeOf(caller) ?? (actor || caller.actor),
    tenant: tenant || caller.tenant,
    ...(correlationId && { correlationId }),
    ...(causationId && { causationId }),
    ...(traceparent !== undefined && { traceparent }),
    ...(epoch > 0n && { epoch: Number(epoch) }),
  };
}

function nodeOf({ caller }: CallContext): string | undefined {
  return caller?.service === 'node-agent' ? caller.instance : undefined;
}

/** @throws {ConnectError} ABORTED with the stream's version as its detail; FAILED_PRECONDITION when another owner has taken over */
function answerTo(result: AppendResult): { version: number; position: bigint } {
  if (result.ok) {
    const last = result.events.at(-1);
    return { version: last?.version ?? 0, position: last?.position ?? 0n };
  }
  const { stream } = result;
  if (result.reason === 'version-conflict') {
    const message = `${stream} is at version ${result.actual}, not ${result.expected}: read it again`;
    const detail = { desc: eventv1.AppendEventsResponseSchema, value: { version: result.actual } };
    throw new ConnectError(message, Code.Aborted, undefined, [detail]);
  }
  const message = `${stream} has an owner of epoch ${result.current}; a writer of epoch ${result.epoch} may not write to it any more`;
  throw new ConnectError(message, Code.FailedPrecondition);
}
