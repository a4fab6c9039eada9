/**
 * What a call carries beside its message: who asked, and the trace it belongs to. A handler runs within it, and the calls that the handler makes
 * carry it on without being told to. Work that outlives its call (a drain loop, a timer) starts its own with `withCallContext`.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { isSpanContextValid, ROOT_CONTEXT, context as otel, trace, TraceFlags, type SpanContext } from '@opentelemetry/api';
import type { Caller } from './caller.ts';
import { identityFromHeaders, identityFromLines, identityHeaders, type Identity } from './identity.ts';

export interface CallContext extends Identity {
  readonly roles: readonly string[];
  /** W3C trace context of the span that caused this. */
  readonly traceparent?: string;
  /** The service that made the call, proved by the bus; absent outside of a call, and on a bus whose services have no names. */
  readonly caller?: Caller;
}

export const traceparentHeader = 'traceparent';
const current = new AsyncLocalStorage<CallContext>();
const onOwnAccount: CallContext = { actor: 'system', tenant: 'default', roles: [] };

/** On whose behalf the code that asks is running; a service's own work is "system"'s. */
export function callContext(): CallContext {
  return current.getStore() ?? onOwnAccount;
}

/** Runs a function, and everything that it awaits, on behalf of somebody, within the trace that `traceparent` names. */
export function withCallContext<T>(context: Identity & { readonly traceparent?: string; readonly caller?: Caller }, run: () => T): T {
  const full: CallContext = { ...context, roles: context.roles ?? [] };
  const remote = parseTraceparent(context.traceparent);
  const inTrace = remote === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
  return current.run(full, () => otel.with(inTrace, run));
}

/** The traceparent of the active span, or of the call that is being served when no telemetry runs. */
export function currentTraceparent(): string | undefined {
  const span = trace.getSpanContext(otel.active());
  return span !== undefined && isSpanContextValid(span) ? formatTraceparent(span) : callContext().traceparent;
}

/** W3C Trace Context, section 3.2: version, trace id, parent id, flags. */
export function formatTraceparent(span: SpanContext): string {
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & 0xff).toString(16).padStart(2, '0')}`;
}

/** The span that a traceparent names, or undefined when it names none. */
export function parseTraceparent(traceparent: string | undefined): SpanContext | undefined {
  const found = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/.exec(traceparent ?? '');
  const [, traceId, spanId, flags] = found ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const span: SpanContext = { traceId, spanId, traceFlags: parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
  return isSpanContextValid(span) ? span : undefined;
}

/** What a call carries of the context, as header lines; nothing where the receiver takes nothing for the same. */
export function contextLines(): [string, string][] {
  const context = callContext();
  const traceparent = currentTraceparent();
  const lines = context === onOwnAccount ? [] : Object.entries(identityHeaders(context));
  if (traceparent !== undefined) lines.push([traceparentHeader, traceparent]);
  return lines;
}

export function callContextFromLines(lines: readonly (readonly [string, string])[], caller: Caller | undefined): CallContext {
  const traceparent = lines.find(([name]) => name === traceparentHeader)?.[1];
  return { ...identityFromLines(lines), ...(traceparent !== undefined && { traceparent }), ...(caller !== undefined && { caller }) };
}

/**
 * Writes the context into a call's headers, where the caller has not said otherwise. The trace is always that of the span which makes the call: a
 * caller that passes on what it was sent would name a span further up.
 */
export function injectCallContext(headers: Headers): void {
  for (const [name, value] of contextLines()) if (name === traceparentHeader || !headers.has(name)) headers.set(name, value);
}

export function callContextFromHeaders(headers: Headers): CallContext {
  const traceparent = headers.get(traceparentHeader);
  return { ...identityFromHeaders(headers), ...(traceparent !== null && { traceparent }) };
}
