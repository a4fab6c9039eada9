import { context as otel, propagation, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { injectCallContext, withCallContext } from './call-context.ts';

beforeAll(() => new NodeTracerProvider().register());
afterAll(() => {
  otel.disable();
  trace.disable();
  propagation.disable();
});

const spanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED };

it('a call names the span that makes it, also when its caller passes on what it was sent', () => {
  const headers = new Headers({ traceparent: `00-${'a'.repeat(32)}-${'c'.repeat(16)}-01`, 'verbena-actor': 'ada' });
  withCallContext({ actor: 'system', tenant: 'default' }, () =>
    otel.with(trace.setSpanContext(ROOT_CONTEXT, spanContext), () => injectCallContext(headers)),
  );
  expect(headers.get('traceparent')).toBe(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);
  expect(headers.get('verbena-actor')).toBe('ada');
});

it('a call of nobody’s span keeps the trace that it was given', () => {
  const given = `00-${'a'.repeat(32)}-${'c'.repeat(16)}-01`;
  const headers = new Headers({ traceparent: given });
  injectCallContext(headers);
  expect(headers.get('traceparent')).toBe(given);
});
