/**
 * Serves the public RPCs of a contract by forwarding them to the bus, whatever they are: unary and server streaming, with the caller's deadline,
 * cancellation, identity and trace. RPCs that the table calls internal are refused before anything of the request is looked at.
 */
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type CallOptions, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { identityHeaders, type Bus } from '@verbena/messaging';
import { accessOf, permits } from './authorization.ts';
import { callerOf } from './identity.ts';

/** A method of a bus client, seen without its types: a promise for unary calls, an iterable for streams. */
type Method = (request: Message, options: CallOptions) => unknown;

/** Headers that cross from outside to the bus. All others stop here. */
const passed = ['traceparent', 'tracestate'];

/** Throws PERMISSION_DENIED unless the caller may make this call. */
export function authorize(service: DescService, method: DescMethod, headers: Headers): void {
  const needs = accessOf(service, method);
  if (needs === 'internal')
    throw new ConnectError(`${service.typeName}/${method.name} is for services of the cluster only`, Code.PermissionDenied);
  const caller = callerOf(headers);
  if (!permits(caller.role, needs))
    throw new ConnectError(
      `${service.typeName}/${method.name} needs the role "${needs}"; ${caller.actor} is "${caller.role}"`,
      Code.PermissionDenied,
    );
}

function options(context: HandlerContext, draining?: AbortSignal): CallOptions {
  const { role, ...caller } = callerOf(context.requestHeader);
  const headers = new Headers(identityHeaders({ ...caller, roles: [role] }));
  for (const name of passed) {
    const value = context.requestHeader.get(name);
    if (value !== null) headers.set(name, value);
  }
  const timeoutMs = context.timeoutMs();
  const signal = draining ? AbortSignal.any([context.signal, draining]) : context.signal;
  return { headers, signal, ...(timeoutMs === undefined ? {} : { timeoutMs: Math.max(1, timeoutMs) }) };
}

/** What a caller outside learns of an error: code, message and details; never the headers of the bus. */
function outward(error: unknown): ConnectError {
  const inner = ConnectError.from(error);
  const outer = new ConnectError(inner.rawMessage, inner.code, undefined, undefined, inner);
  outer.details = inner.details;
  return outer;
}

/**
 * The implementation of a service that forwards to the bus.
 * @param draining aborts when the gateway stops: streams that would go on for ever end with UNAVAILABLE, unary calls may finish.
 */
export function forward<S extends DescService>(bus: Bus, service: S, draining: AbortSignal): Partial<ServiceImpl<S>> {
  const client = bus.client(service) as unknown as Record<string, Method>;
  const implementation: Record<string, unknown> = {};
  for (const method of service.methods) {
    const call: Method = (request, callOptions) => {
      const target = client[method.localName];
      if (!target) throw new ConnectError(`${service.typeName}/${method.name} is not known on the bus`, Code.Unimplemented);
      return target(request, callOptions);
    };
    if (method.methodKind === 'unary')
      implementation[method.localName] = async (request: Message, context: HandlerContext): Promise<Message> => {
        try {
          return await (call(request, options(context)) as Promise<Message>);
        } catch (error) {
          throw outward(error);
        }
      };
    else if (method.methodKind === 'server_streaming')
      implementation[method.localName] = async function* (request: Message, context: HandlerContext): AsyncIterable<Message> {
        try {
          yield* call(request, options(context, draining)) as AsyncIterable<Message>;
        } catch (error) {
          if (draining.aborted && !context.signal.aborted) throw new ConnectError('the gateway is stopping', Code.Unavailable);
          throw outward(error);
        }
      };
  }
  return implementation as Partial<ServiceImpl<S>>;
}
