/** What every store refuses before it writes: appends that no reader could make sense of. */
import type { AppendOptions, StreamAppend } from './event-store.ts';

const maximumNameLength = 255;
const maximumEvents = 10_000;
const maximumSchema = 32_767;

/**
 * Throws a TypeError when an append is malformed: a programmer's mistake, unlike a conflict, which is a result. Control characters are refused
 * in names because Postgres cannot keep a NUL in text, half surrogate pairs because UTF-8 cannot carry them.
 */
export function checkAppend(appends: readonly StreamAppend[], options: AppendOptions): void {
  const streams = new Set<string>();
  let events = 0;
  for (const { stream, expectedVersion, events: added } of appends) {
    checkName('stream', stream);
    if (stream.endsWith('*')) throw new TypeError(`the stream name ${JSON.stringify(stream)} ends in "*", which filters read as a prefix`);
    if (streams.has(stream)) throw new TypeError(`an append names the stream ${stream} twice: put its events in one entry`);
    streams.add(stream);
    if (expectedVersion !== 'any' && !(Number.isSafeInteger(expectedVersion) && expectedVersion >= 0)) {
      throw new TypeError(`expectedVersion of ${stream} is ${expectedVersion}; it is a version from 0 on, or 'any'`);
    }
    for (const { type, schema } of added) {
      checkName(`event type in ${stream}`, type);
      if (schema !== undefined && !(Number.isSafeInteger(schema) && schema >= 1 && schema <= maximumSchema)) {
        throw new TypeError(`the event ${type} in ${stream} has the schema ${schema}; it is a whole number from 1 to ${maximumSchema}`);
      }
    }
    events += added.length;
  }
  if (events > maximumEvents) throw new TypeError(`an append has ${events} events; at most ${maximumEvents} are taken at once`);
  const { actor, tenant, correlationId, causationId, traceparent, epoch } = options.metadata;
  if (correlationId !== undefined) checkName('correlationId', correlationId);
  if (causationId !== undefined) checkName('causationId', causationId);
  if (traceparent !== undefined) checkName('traceparent', traceparent);
  if (options.commandId !== undefined) checkName('command id', options.commandId);
  checkName('actor', actor);
  checkName('tenant', tenant);
  if (epoch !== undefined && !(Number.isSafeInteger(epoch) && epoch >= 0)) {
    throw new TypeError(`epoch ${epoch} is not a whole number from 0 on`);
  }
}

function checkName(what: string, value: string): void {
  if (value.length === 0 || value.length > maximumNameLength || /[\u0000-\u001f]/.test(value) || !value.isWellFormed()) {
    throw new TypeError(
      `${what} ${JSON.stringify(value.slice(0, 80))} is empty, longer than ${maximumNameLength}, or has control characters or half a surrogate pair`,
    );
  }
}
