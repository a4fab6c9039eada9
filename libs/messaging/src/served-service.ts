/** One served service, whatever carries its calls: its handlers, the calls under way, and how it drains. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { DescMethodUnary, DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, createConnectRouter, createContextValues, type ServiceImpl } from '@connectrpc/connect';
import type { UniversalClientRequest, UniversalClientResponse, UniversalHandler } from '@connectrpc/connect/protocol';
import type { Served } from './bus.ts';
import { callContextFromLines } from './call-context.ts';
import { callerKey, type Caller } from './caller.ts';
import { serveInCallContext, serveSpanned, type ServerInterceptorOptions } from './interceptors.ts';
import {
  answerToError,
  answerWith,
  handleUnary,
  ServedContext,
  type SentUnary,
  type UnaryAnswer,
  type UnaryImplementation,
  type UnaryRequest,
} from './unary.ts';

export interface DrainTimes {
  /** How long `stop` waits for unary calls, in milliseconds. */
  readonly unaryMs: number;
  /** How long `stop` waits for streams, most of which would never end by themselves. */
  readonly streamMs: number;
}

export const defaultDrainTimes: DrainTimes = { unaryMs: 5_000, streamMs: 500 };

export interface ServedServiceOptions {
  readonly name: string;
  readonly telemetry: ServerInterceptorOptions;
  readonly drain: DrainTimes;
  /** Bytes that one message may have. */
  readonly messageBytes: number;
  readonly unregister: () => void;
}

interface UnderWay {
  readonly unary: boolean;
  readonly finished: Promise<unknown>;
  abort(reason: ConnectError): void;
}

export class ServedService implements Served {
  readonly #options: ServedServiceOptions;
  readonly #unary = new Map<string, UnaryImplementation>();
  readonly #handlers = new Map<string, UniversalHandler>();
  readonly #calls = new Set<UnderWay>();
  #stopped: Promise<void> | undefined;

  constructor(service: DescService, implementation: ServiceImpl<DescService>, options: ServedServiceOptions) {
    const { telemetry, messageBytes: readMaxBytes } = options;
    const interceptors = [serveInCallContext(telemetry)];
    const router = createConnectRouter({ connect: true, grpc: false, grpcWeb: false, interceptors, readMaxBytes });
    router.service(service, implementation);
    for (const handler of router.handlers) this.#handlers.set(handler.requestPath, handler);
    const methods = implementation as Readonly<Record<string, UnaryImplementation | undefined>>;
    for (const { name, localName, methodKind } of service.methods)
      if (methodKind === 'unary') this.#unary.set(name, methods[localName]?.bind(implementation) ?? unimplemented(service, name));
    this.#options = options;
  }

  /** Runs a unary call; the bytes that cross are all that the two sides have in common. Its answer never rejects. */
  unary(method: DescMethodUnary, { lines, body }: UnaryRequest, caller: Caller | undefined): SentUnary {
    const implementation = this.#unary.get(method.name) ?? unimplemented(method.parent, method.name);
    if (this.#stopped !== undefined) return { answer: Promise.resolve(answerToError(this.#stopping())), cancel: () => undefined };
    const { telemetry, messageBytes } = this.#options;
    const context = new ServedContext(method, lines, (reason) => call.abort(reason));
    const { promise: finished, resolve } = Promise.withResolvers<UnaryAnswer>();
    const end = (answer: UnaryAnswer, reason?: ConnectError): void => {
      this.#calls.delete(call);
      context.abort(reason);
      resolve(answer);
    };
    // A handler that ignores its signal holds nobody up.
    const call: UnderWay = { unary: true, finished, abort: (reason) => end(answerToError(reason), reason) };
    this.#calls.add(call);
    const run = (): Promise<Uint8Array> => handleUnary(method, implementation, body, context, messageBytes);
    serveSpanned(telemetry, method, callContextFromLines(lines, caller), context, run).then(
      (bytes) => end(answerWith(bytes, context)),
      (error: unknown) => end(answerToError(error)),
    );
    return { answer: finished, cancel: (reason) => call.abort(reason) };
  }

  /** Runs a call that has a stream. */
  async stream(path: string, request: UniversalClientRequest, caller: Caller | undefined): Promise<UniversalClientResponse> {
    const handler = this.#handlers.get(path);
    if (handler === undefined) throw new ConnectError(`${this.#options.name} has no method ${path}`, Code.Unimplemented);
    if (this.#stopped !== undefined) throw this.#stopping();
    const call = new Call(request.signal, () => this.#calls.delete(call));
    this.#calls.add(call);
    try {
      const response = await call.race(
        handler({
          body: inContextOfCaller(request.body),
          httpVersion: '2.0',
          method: request.method,
          url: request.url,
          header: new Headers(request.header),
          signal: call.signal,
          ...(caller !== undefined && { contextValues: createContextValues().set(callerKey, caller) }),
        }),
      );
      return {
        status: response.status,
        header: new Headers(response.header),
        trailer: new Headers(response.trailer),
        body: call.watch(response.body),
      };
    } catch (error) {
      call.finish();
      throw error;
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { drain, unregister } = this.#options;
    unregister();
    const drained = (unary: boolean): Promise<unknown> =>
      Promise.all([...this.#calls].filter((call) => call.unary === unary).map(({ finished }) => finished));
    await Promise.all([within(drain.streamMs, drained(false)), within(drain.unaryMs, drained(true))]);
    for (const call of [...this.#calls]) call.abort(this.#stopping());
  }

  #stopping(): ConnectError {
    return new ConnectError(`${this.#options.name} is stopping`, Code.Unavailable);
  }
}

function unimplemented(service: DescService, method: string): UnaryImplementation {
  return () => {
    throw new ConnectError(`${service.typeName}.${method} is not implemented`, Code.Unimplemented);
  };
}

/** A call with a stream. */
class Call implements UnderWay {
  readonly unary = false;
  readonly finished: Promise<void>;
  readonly finish: () => void;
  readonly #controller = new AbortController();

  constructor(caller: AbortSignal | undefined, onFinish: () => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const aborted = (): void => this.abort(caller?.reason);
    this.finished = promise;
    this.finish = () => {
      caller?.removeEventListener('abort', aborted);
      onFinish();
      resolve();
    };
    caller?.addEventListener('abort', aborted, { once: true });
    if (caller?.aborted === true) aborted();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
    this.finish();
  }

  /** The promise's outcome, or the abort's reason when that comes first: a handler that ignores its signal holds nobody up. */
  race<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const aborted = (): void => reject(signal.reason as Error);
      const settle = (): void => signal.removeEventListener('abort', aborted);
      signal.addEventListener('abort', aborted, { once: true });
      if (signal.aborted) aborted();
      promise.then(resolve, reject).finally(settle);
    });
  }

  watch(body: AsyncIterable<Uint8Array> | undefined): AsyncIterable<Uint8Array> {
    const iterator = body?.[Symbol.asyncIterator]();
    // Throwing into the handler's generator runs its finally blocks, also when nobody pulls it any more.
    this.signal.addEventListener('abort', () => void iterator?.throw?.(this.signal.reason).catch(() => undefined), { once: true });
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      const step = iterator?.next() ?? Promise.resolve({ done: true, value: undefined } as const);
      const result = await this.race(step);
      if (result.done === true) this.finish();
      return result;
    };
    // Connect's client asks for throw: it propagates errors of its own decoding to the sender.
    const leave = (reason: unknown): void => this.abort(reason ?? new ConnectError('the reader left the stream', Code.Canceled));
    return {
      [Symbol.asyncIterator]: () => ({
        next,
        throw(reason: unknown) {
          leave(reason);
          return Promise.reject(reason as Error);
        },
        return() {
          leave(undefined);
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
  }
}

/** A request's body is made by the caller's code, which must not find itself in the handler's context when the handler pulls it. */
async function* inContextOfCallerSteps(body: AsyncIterable<Uint8Array>, inCaller: ReturnType<typeof AsyncLocalStorage.snapshot>) {
  const iterator = body[Symbol.asyncIterator]();
  for (;;) {
    const result = await inCaller(() => iterator.next());
    if (result.done === true) return;
    yield result.value;
  }
}

function inContextOfCaller(body: AsyncIterable<Uint8Array> | undefined): AsyncIterable<Uint8Array> {
  return inContextOfCallerSteps(body ?? empty(), AsyncLocalStorage.snapshot());
}

async function* empty(): AsyncGenerator<Uint8Array> {
  // No bytes: a request without a body.
}

async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([promise, bound]);
  clearTimeout(timer);
}
