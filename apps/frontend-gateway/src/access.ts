/** The interceptor that lets calls in: establishes who calls, and whether the caller's role may do this, before anything of the request is looked at. */
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { trace } from '@opentelemetry/api';
import { permits, ruleOf } from './authorization.ts';
import { callerKey, type Authenticator } from './identity.ts';

export function letIn(authenticator: Authenticator): Interceptor {
  return (next) => async (request) => {
    const { service, method } = request;
    const { needs } = ruleOf(service, method);
    if (needs === 'anyone') return next(request);
    const caller = await authenticator.identify(request.header);
    trace.getActiveSpan()?.setAttributes({ 'enduser.id': caller.actor, 'verbena.tenant': caller.tenant });
    if (needs === 'internal')
      throw new ConnectError(`${service.typeName}/${method.name} is for services of the cluster only`, Code.PermissionDenied);
    if (!permits(caller.role, needs))
      throw new ConnectError(
        `${service.typeName}/${method.name} needs the role "${needs}"; ${caller.actor} is "${caller.role}"`,
        Code.PermissionDenied,
      );
    request.contextValues.set(callerKey, caller);
    return next(request);
  };
}
