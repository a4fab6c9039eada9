/**
 * Who a call is made for. The gateway establishes the identity of its caller and sets these headers on the bus; services believe them, because
 * nothing but services is on the bus, and record them with the events that they append.
 */
import type { HandlerContext } from '@connectrpc/connect';

/** The user (or service) that asked, for example "alice". */
export const actorHeader = 'verbena-actor';
/** The tenant that pays. */
export const tenantHeader = 'verbena-tenant';

export interface Identity {
  readonly actor: string;
  readonly tenant: string;
}

/** The identity that a call carries; a call without one was made by a service on its own account. */
export function identityOf(context: Pick<HandlerContext, 'requestHeader'>): Identity {
  return {
    actor: context.requestHeader.get(actorHeader) ?? 'system',
    tenant: context.requestHeader.get(tenantHeader) ?? 'default',
  };
}

/** Headers that make a call on behalf of an identity. */
export function identityHeaders(identity: Identity): Record<string, string> {
  return { [actorHeader]: identity.actor, [tenantHeader]: identity.tenant };
}
