/**
 * How a call's context crosses the bus: written into the headers by the client's interceptor, made current by the server's. Both open a span for
 * a call that belongs to a trace, named and attributed by OpenTelemetry's conventions for RPC.
 */
import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError, type Interceptor, type StreamResponse } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import {
  context as otel,
  isSpanContextValid,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { callerKey } from './caller.ts';
import { callContextFromHeaders, injectCallContext, parseTraceparent, withCallContext, type CallContext } from './call-context.ts';

/** A call that has been answered, or has failed. */
export interface AnsweredCall {
  readonly service: string;
  readonly method: string;
  /** "ok", or a code of Connect such as "not_found". */
  readonly code: string;
  readonly seconds: number;
}

export interface ServerInterceptorOptions {
  /** Told of errors that are no ConnectError: the caller sees only "internal error", so the operator must see what it was. */
  readonly onUnexpectedError?: (error: unknown, method: string) => void;
  /** What an error of a handler means to the caller, as a ConnectError; what is none of its business is given back as it is. */
  readonly translate?: (error: unknown) => unknown;
  /** For spans of the calls made and served; by default the globally registered one. */
  readonly tracer?: Tracer;
  /** What is true of every call that crosses this bus, such as messaging.system. */
  readonly attributes?: Attributes;
  /** Told when the connection was lost and is there again, where a bus has one. */
  readonly onReconnected?: () => void;
  /** Told of each call that was served. */
  readonly onAnswered?: (call: AnsweredCall) => void;
}

/** Attributes of a call by the conventions. */
export function rpcAttributes(method: DescMethod): Attributes {
  return { 'rpc.system': 'connect_rpc', 'rpc.service': method.parent.typeName, 'rpc.method': method.name };
}

/** Carries the context of the code that calls, and opens a span for the call when that code runs within a trace. */
export function callInContext(options: ServerInterceptorOptions = {}): Interceptor {
  return (next) => async (request) => {
    if (!tracing()) {
      injectCallContext(request.header);
      return next(request);
    }
    const span = open(options, SpanKind.CLIENT, request.method);
    const inSpan = trace.setSpan(otel.active(), span);
    let ended = false;
    const once = (error?: unknown): void => {
      if (!ended) close(span, error);
      ended = true;
    };
    try {
      return await otel.with(inSpan, async () => {
        injectCallContext(request.header);
        const response = await next(request);
        if (response.stream) return { ...response, message: steps(response.message, inSpan, once) };
        once();
        return response;
      });
    } catch (error) {
      once(error);
      throw error;
    }
  };
}

/** Runs a unary call in a span of its own, when the code that calls runs within a trace. */
export async function callSpanned<T>(options: ServerInterceptorOptions, method: DescMethod, run: () => Promise<T>): Promise<T> {
  if (!tracing()) return run();
  const span = open(options, SpanKind.CLIENT, method);
  try {
    const result = await otel.with(trace.setSpan(otel.active(), span), run);
    close(span);
    return result;
  } catch (error) {
    close(span, error);
    throw error;
  }
}

/** Runs the handler of a unary call in its caller's context, and in a span of its own when the call belongs to a trace. */
export function serveSpanned<T>(
  options: ServerInterceptorOptions,
  method: DescMethod,
  carried: CallContext,
  call: { readonly aborted: boolean },
  run: () => Promise<T>,
): Promise<T> {
  return withCallContext(carried, async () => {
    const span = parseTraceparent(carried.traceparent) === undefined ? undefined : open(options, SpanKind.SERVER, method);
    const ended = ending(options, method, span, call);
    try {
      const result = await (span === undefined ? run() : otel.with(trace.setSpan(otel.active(), span), run));
      ended();
      return result;
    } catch (thrown) {
      const error = options.translate?.(thrown) ?? thrown;
      ended(error);
      throw error;
    }
  });
}

/** Makes the caller's context current in the handler, and opens a span for a call that belongs to a trace. */
export function serveInCallContext(options: ServerInterceptorOptions = {}): Interceptor {
  return (next) => (request) => {
    const caller = request.contextValues.get(callerKey);
    const carried = { ...callContextFromHeaders(request.header), ...(caller !== undefined && { caller }) };
    return withCallContext(carried, async () => {
      // A heartbeat belongs to no trace, and one span for each of them would bury the others.
      const span = parseTraceparent(carried.traceparent) === undefined ? undefined : open(options, SpanKind.SERVER, request.method);
      const within = span === undefined ? otel.active() : trace.setSpan(otel.active(), span);
      const ended = ending(options, request.method, span, request.signal);
      try {
        const response = await otel.with(within, () => next(request));
        if (response.stream) return streamed(translated(response, options), carried, within, ended);
        ended();
        return response;
      } catch (thrown) {
        const error = options.translate?.(thrown) ?? thrown;
        ended(error);
        throw error;
      }
    });
  };
}

function translated(response: StreamResponse, { translate }: ServerInterceptorOptions): StreamResponse {
  if (translate === undefined) return response;
  const { message } = response;
  const steps = async function* (): AsyncGenerator {
    try {
      yield* message;
    } catch (thrown) {
      throw translate(thrown) ?? thrown;
    }
  };
  return { ...response, message: steps() as StreamResponse['message'] };
}

function streamed(
  response: StreamResponse,
  carried: Parameters<typeof withCallContext>[0],
  within: Context,
  ended: (error?: unknown) => void,
): StreamResponse {
  const run = <T>(step: () => T): T => withCallContext(carried, () => otel.with(within, step));
  return { ...response, message: steps(response.message, run, ended) };
}

function tracing(): boolean {
  const span = trace.getSpanContext(otel.active());
  return span !== undefined && isSpanContextValid(span);
}

function open({ tracer, attributes }: ServerInterceptorOptions, kind: SpanKind, method: DescMethod): Span {
  const name = `${method.parent.typeName}/${method.name}`;
  return (tracer ?? trace.getTracer('@verbena/messaging')).startSpan(name, {
    kind,
    attributes: { ...rpcAttributes(method), ...attributes },
  });
}

/** A call's end, which comes once: told, and its span closed. */
function ending(
  { onAnswered, onUnexpectedError }: ServerInterceptorOptions,
  method: DescMethod,
  span: Span | undefined,
  call: { readonly aborted: boolean },
) {
  const started = performance.now();
  let over = false;
  return (error?: unknown): void => {
    if (over) return;
    over = true;
    const expected = error === undefined || error instanceof ConnectError || call.aborted;
    if (!expected) onUnexpectedError?.(error, `${method.parent.typeName}/${method.name}`);
    const code = error === undefined ? 'ok' : codeOf(error);
    onAnswered?.({ service: method.parent.typeName, method: method.name, code, seconds: (performance.now() - started) / 1000 });
    if (span !== undefined) close(span, error);
  };
}

function codeOf(error: unknown): string {
  return codeToString(error instanceof ConnectError ? error.code : Code.Internal);
}

function close(span: Span, error?: unknown): void {
  if (error !== undefined) {
    const code = codeOf(error);
    span.setAttributes({ 'rpc.connect_rpc.error_code': code, 'error.type': code });
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof ConnectError ? error.rawMessage : code });
  }
  span.end();
}

/** An iterable each step of which runs within a context: a generator's body otherwise runs in the context of whoever pulls it. */
function steps<T>(
  source: AsyncIterable<T>,
  within: Context | (<R>(step: () => R) => R),
  ended: (error?: unknown) => void,
): AsyncIterable<T> {
  const run = typeof within === 'function' ? within : <R>(step: () => R): R => otel.with(within, step);
  return {
    [Symbol.asyncIterator]() {
      const iterator = run(() => source[Symbol.asyncIterator]());
      const watch = async (step: () => Promise<IteratorResult<T>>): Promise<IteratorResult<T>> => {
        try {
          const result = await run(step);
          if (result.done === true) ended();
          return result;
        } catch (error) {
          ended(error);
          throw error;
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
