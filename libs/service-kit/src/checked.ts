/**
 * Requests are checked against the constraints of their contract before anybody sees them: by the gateway all that come from outside, and by a service
 * those on which more hangs than it would like to leave to its callers.
 */
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { rpcerrors, type FieldProblem, type RequestCheck } from '@verbena/contracts';

type Handler = (request: Message, context: HandlerContext) => unknown;

/** INVALID_ARGUMENT, with google.rpc.BadRequest naming every field. */
export function badRequest(method: DescMethod, problems: readonly FieldProblem[]): ConnectError {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  const fieldViolations = problems.map(({ field, description, rule }) => ({ field, description, reason: rule }));
  const detail = { desc: rpcerrors.BadRequestSchema, value: { fieldViolations } };
  return new ConnectError(`${method.name}: ${first?.field}: ${first?.description}${more}`, Code.InvalidArgument, undefined, [detail]);
}

/** The same implementation, behind the check; `loaded` is what `loadRequestCheck` of the contracts gives. Streams of requests, which only reflection has, are left to whoever reads them. */
export function checked<S extends DescService>(
  service: S,
  implementation: Partial<ServiceImpl<S>>,
  loaded: Promise<RequestCheck>,
): Partial<ServiceImpl<S>> {
  const behind = { ...implementation } as Record<string, Handler>;
  for (const method of service.methods) {
    const handler = behind[method.localName];
    if (handler === undefined) continue;
    const admit = async (request: Message): Promise<void> => {
      const problems = (await loaded)(method.input, request);
      if (problems.length > 0) throw badRequest(method, problems);
    };
    if (method.methodKind === 'unary')
      behind[method.localName] = async (request, context) => {
        await admit(request);
        return handler(request, context);
      };
    else if (method.methodKind === 'server_streaming')
      behind[method.localName] = async function* (request, context) {
        await admit(request);
        yield* handler(request, context) as AsyncIterable<Message>;
      };
  }
  return behind as Partial<ServiceImpl<S>>;
}
