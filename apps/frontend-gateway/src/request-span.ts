/** An interceptor around every request that was let in: a span that ends when the last message has gone out. */
import type { Interceptor, StreamResponse } from '@connectrpc/connect';
import { ConnectError } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { context as otel, propagation, SpanKind, SpanStatusCode, trace, type Context, type Span, type Tracer } from '@opentelemetry/api';
import { rpcAttributes } from '@verbena/messaging';

const getter = { get: (headers: Headers, key: string) => headers.get(key) ?? undefined, keys: (headers: Headers) => [...headers.keys()] };
const setter = { set: (headers: Headers, key: string, value: string) => headers.set(key, value) };

export function requestSpans(tracer: Tracer): Interceptor {
  return (next) => async (request) => {
    const { service, method } = request;
    const parent = propagation.extract(otel.active(), request.header, getter);
    const attributes = rpcAttributes(method);
    const span = tracer.startSpan(`${service.typeName}/${method.name}`, { kind: SpanKind.SERVER, attributes }, parent);
    const active = trace.setSpan(parent, span);
    propagation.inject(active, request.header, setter);
    try {
      const response = await otel.with(active, () => next(request));
      if (response.stream) return { ...response, message: observed(response.message, span, active) };
      span.end();
      return response;
    } catch (error) {
      fail(span, error);
      throw error;
    }
  };
}

function fail(span: Span, error: unknown): void {
  const { code, rawMessage } = ConnectError.from(error);
  const name = codeToString(code);
  span.setAttributes({ 'rpc.connect_rpc.error_code': name, 'error.type': name });
  span.setStatus({ code: SpanStatusCode.ERROR, message: rawMessage });
  span.end();
}

/** Passes the messages of a stream on within the span's context, and ends the span with the stream, however it ends. */
async function* observed(messages: StreamResponse['message'], span: Span, active: Context): StreamResponse['message'] {
  const iterator = messages[Symbol.asyncIterator]();
  let sent = 0;
  let open = true;
  try {
    for (;;) {
      const { done, value } = await otel.with(active, () => iterator.next());
      if (done) break;
      sent++;
      yield value;
    }
    open = false;
    span.setAttribute('rpc.messages_sent', sent);
    span.end();
  } catch (error) {
    open = false;
    fail(span, error);
    throw error;
  } finally {
    if (open) {
      span.setAttribute('rpc.messages_sent', sent);
      span.end();
      await iterator.return?.();
    }
  }
}
