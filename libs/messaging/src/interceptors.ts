/** How a call's context crosses the bus: written into the headers by the client's interceptor, made current by the server's. */
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { context as otel, SpanKind, SpanStatusCode, trace, type Span, type Tracer } from '@opentelemetry/api';
import { callContextFromHeaders, injectCallContext, parseTraceparent, withCallContext } from './call-context.ts';

export const carryCallContext: Interceptor = (next) => (request) => {
  injectCallContext(request.header);
  return next(request);
};

export interface ServerInterceptorOptions {
  /** Told of errors that are no ConnectError: the caller sees only "internal error", so the operator must see what it was. */
  readonly onUnexpectedError?: (error: unknown, method: string) => void;
  /** For spans of the calls served; by default the globally registered one. */
  readonly tracer?: Tracer;
}

/** Makes the caller's context current in the handler, and opens a span for a call that belongs to a trace. */
export function serveInCallContext(options: ServerInterceptorOptions = {}): Interceptor {
  return (next) => async (request) => {
    const carried = callContextFromHeaders(request.header);
    const method = `${request.service.typeName}/${request.method.name}`;
    const within = <T>(run: (span: Span | undefined) => T): T =>
      withCallContext(carried, () => {
        // A heartbeat belongs to no trace, and one span for each of them would bury the others.
        if (parseTraceparent(carried.traceparent) === undefined) return run(undefined);
        const tracer = options.tracer ?? trace.getTracer('@verbena/messaging');
        const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes: { 'rpc.service': request.service.typeName } });
        return otel.with(trace.setSpan(otel.active(), span), () => run(span));
      });
    const failed = (error: unknown, span: Span | undefined): unknown => {
      const expected = error instanceof ConnectError || request.signal.aborted;
      if (!expected) options.onUnexpectedError?.(error, method);
      const code = error instanceof ConnectError ? error.code : Code.Internal;
      span?.setStatus({ code: SpanStatusCode.ERROR, message: Code[code] });
      span?.end();
      return error;
    };
    return within(async (span) => {
      try {
        const response = await next(request);
        if (!response.stream) {
          span?.end();
          return response;
        }
        const context = otel.active();
        const run = <T>(step: () => T): T => withCallContext(carried, () => otel.with(context, step));
        return {
          ...response,
          message: steps(
            response.message,
            run,
            (error) => failed(error, span),
            () => span?.end(),
          ),
        };
      } catch (error) {
        throw failed(error, span);
      }
    });
  };
}

/** An iterable each step of which runs within `run`: a generator's body otherwise runs in the context of whoever pulls it. */
function steps<T>(
  source: AsyncIterable<T>,
  run: <R>(step: () => R) => R,
  failed: (error: unknown) => unknown,
  done: () => void,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = run(() => source[Symbol.asyncIterator]());
      const watch = async (step: () => Promise<IteratorResult<T>>): Promise<IteratorResult<T>> => {
        try {
          const result = await run(step);
          if (result.done === true) done();
          return result;
        } catch (error) {
          throw failed(error);
        }
      };
      return {
        next: () => watch(() => iterator.next()),
        return: (value?: unknown) => watch(() => iterator.return?.(value) ?? Promise.resolve({ done: true, value: undefined })),
        throw: (error: unknown) => watch(() => iterator.throw?.(error) ?? Promise.reject(error as Error)),
      };
    },
  };
}
