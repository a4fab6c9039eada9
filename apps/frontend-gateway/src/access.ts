/**
 * Who is let in: who calls is established, and whether the caller's role may do this. It is asked twice: before a byte of the request is read, so that
 * whoever may not call costs nothing but headers, and by the interceptor, on which everything else relies.
 */
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { trace } from '@opentelemetry/api';
import { permits, ruleOf } from './authorization.ts';
import { callerKey, type Authenticator, type Caller } from './identity.ts';

/** The caller of an RPC; undefined where nobody is asked. @throws {ConnectError} UNAUTHENTICATED, PERMISSION_DENIED */
export async function admitted(
  authenticator: Authenticator,
  service: DescService,
  method: DescMethod,
  headers: Headers,
): Promise<Caller | undefined> {
  const { needs } = ruleOf(service, method);
  if (needs === 'anyone') return undefined;
  const caller = await authenticator.identify(headers);
  if (needs === 'internal')
    throw new ConnectError(`${service.typeName}/${method.name} is for services of the cluster only`, Code.PermissionDenied);
  if (!permits(caller.role, needs))
    throw new ConnectError(
      `${service.typeName}/${method.name} needs the role "${needs}"; ${caller.actor} is "${caller.role}"`,
      Code.PermissionDenied,
    );
  return caller;
}

export function letIn(authenticator: Authenticator): Interceptor {
  return (next) => async (request) => {
    const caller = await admitted(authenticator, request.service, request.method, request.header);
    if (caller === undefined) return next(request);
    trace.getActiveSpan()?.setAttributes({ 'enduser.id': caller.actor, 'verbena.tenant': caller.tenant });
    request.contextValues.set(callerKey, caller);
    return next(request);
  };
}
