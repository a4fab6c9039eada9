/**
 * Serves the public RPCs of a contract by forwarding them to the bus, whatever they are: unary and server streaming, with the caller's deadline,
 * cancellation, identity and trace.
 */
import { create, type DescMethod, type DescService, type Message } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { Code, ConnectError, type CallOptions, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { identityHeaders, type Bus } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';
import { admitted } from './access.ts';
import { ruleOf } from './authorization.ts';
import { withHeartbeat } from './heartbeat.ts';
import { callerOf, type Authenticator } from './identity.ts';

/** A method of a bus client, seen without its types: a promise for unary calls, an iterable for streams. */
type Method = (request: Message, options: CallOptions) => unknown;

export interface Forwarding {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly authenticator: Authenticator;
  random(bytes: number): Uint8Array;
  /** Aborts when the gateway stops: streams that would go on for ever end with UNAVAILABLE, unary calls may finish. */
  readonly draining: AbortSignal;
  readonly heartbeatMs: number;
}

/** Headers that cross from outside to the bus. All others stop here. */
const passed = ['traceparent', 'tracestate'];
/** Pauses before a call is tried again that nobody could take, in milliseconds. A service that is being replaced is back within them. */
const pauses = [50, 200];

/** Headers, deadline and cancellation for a call on behalf of the caller of this request. */
export function onBehalf(context: HandlerContext, draining?: AbortSignal): CallOptions {
  const { actor, tenant, role } = callerOf(context);
  const headers = new Headers(identityHeaders({ actor, tenant, roles: [role] }));
  for (const name of passed) {
    const value = context.requestHeader.get(name);
    if (value !== null) headers.set(name, value);
  }
  const timeoutMs = context.timeoutMs();
  const signal = draining ? AbortSignal.any([context.signal, draining]) : context.signal;
  return { headers, signal, ...(timeoutMs === undefined ? {} : { timeoutMs: Math.max(1, timeoutMs) }) };
}

/** What a caller outside learns of an error: code, message and details; never the headers of the bus. */
export function outward(error: unknown): ConnectError {
  const inner = ConnectError.from(error);
  const outer = new ConnectError(inner.rawMessage, inner.code, undefined, undefined, inner);
  outer.details = inner.details;
  return outer;
}

/** Gives a request that could create something a key of its own, so that trying it again cannot create it twice. */
export function withKey<M extends Message>(method: DescMethod, request: M, random: Forwarding['random']): M {
  const field = method.input.fields.find(({ name }) => name === 'idempotency_key');
  const message = reflect(method.input, request);
  if (field !== undefined && !message.isSet(field)) message.set(field, `gateway-${Buffer.from(random(16)).toString('hex')}`);
  return request;
}

/** Every public unary RPC either changes nothing, changes nothing twice, or carries a key: so one that nobody could take is tried again. */
export async function persistently<T>(clock: Clock, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  for (const pause of pauses)
    try {
      return await call();
    } catch (error) {
      if (ConnectError.from(error).code !== Code.Unavailable || signal.aborted) throw error;
      await clock.sleep(pause, signal);
    }
  return call();
}

function unary(call: Method, method: DescMethod, { clock, random }: Forwarding) {
  return async (request: Message, context: HandlerContext): Promise<Message> => {
    try {
      const keyed = withKey(method, request, random);
      return await persistently(clock, context.signal, () => call(keyed, onBehalf(context)) as Promise<Message>);
    } catch (error) {
      throw outward(error);
    }
  };
}

function streaming(call: Method, method: DescMethod, { clock, draining, authenticator, heartbeatMs }: Forwarding) {
  return async function* (request: Message, context: HandlerContext): AsyncIterable<Message> {
    const beat = async (): Promise<Message> => {
      await admitted(authenticator, method.parent, method, context.requestHeader);
      return create(method.output);
    };
    try {
      const source = call(request, onBehalf(context, draining)) as AsyncIterable<Message>;
      yield* ruleOf(method.parent, method).heartbeat ? withHeartbeat(source, { clock, everyMs: heartbeatMs, beat }) : source;
    } catch (error) {
      if (draining.aborted && !context.signal.aborted) throw new ConnectError('the gateway is stopping', Code.Unavailable);
      throw outward(error);
    }
  };
}

/** The implementation of a service that forwards to the bus. */
export function forward<S extends DescService>(service: S, forwarding: Forwarding): Partial<ServiceImpl<S>> {
  const client = forwarding.bus.client(service) as unknown as Record<string, Method>;
  const implementation: Record<string, unknown> = {};
  for (const method of service.methods) {
    const call: Method = (request, callOptions) => {
      const target = client[method.localName];
      if (!target) throw new ConnectError(`${service.typeName}/${method.name} is not known on the bus`, Code.Unimplemented);
      return target(request, callOptions);
    };
    if (method.methodKind === 'unary') implementation[method.localName] = unary(call, method, forwarding);
    else if (method.methodKind === 'server_streaming') implementation[method.localName] = streaming(call, method, forwarding);
  }
  return implementation as Partial<ServiceImpl<S>>;
}
