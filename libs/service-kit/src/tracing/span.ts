import { context, SpanKind, SpanStatusCode, trace, type Link, type Span, type Tracer } from '@opentelemetry/api';
import type { SpanAttributes, SpanName } from './spans.ts';

export interface SpanSettings {
  /** INTERNAL unless given. */
  readonly kind?: SpanKind;
  /** Spans that this one has to do with beside its parent, such as those whose work it does in one go. */
  readonly links?: readonly Link[];
}

/** Starts a span of the list, below the active one. Whoever starts it ends it. */
export function startSpan(tracer: Tracer, name: SpanName, attributes: SpanAttributes, { kind, links }: SpanSettings = {}): Span {
  return tracer.startSpan(name, { kind: kind ?? SpanKind.INTERNAL, attributes: { ...attributes }, ...(links && { links: [...links] }) });
}

/** Runs a function within a span of its own, which ends when it does and records what it threw. */
export async function inSpan<T>(
  tracer: Tracer,
  name: SpanName,
  attributes: SpanAttributes,
  run: (span: Span) => Promise<T> | T,
  settings?: SpanSettings,
): Promise<T> {
  const span = startSpan(tracer, name, attributes, settings);
  try {
    return await context.with(trace.setSpan(context.active(), span), () => run(span));
  } catch (error) {
    failSpan(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Marks a span as failed, by the conventions: the kind of error, and its message. */
export function failSpan(span: Span, error: unknown): void {
  if (error instanceof Error) span.recordException(error);
  span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown');
  span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
}
