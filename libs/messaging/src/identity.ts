/**
 * Who a call is made for. The gateway establishes the identity of its caller and sets these headers on the bus; services believe them, and record
 * them with the events that they append. Who makes the call is another matter, which the bus proves (caller.ts): the table of who may call what keeps
 * node-agents to RPCs that do not ask for an identity.
 */
import type { HandlerContext } from '@connectrpc/connect';

/** The user (or service) that asked, for example "alice". */
export const actorHeader = 'verbena-actor';
/** The tenant that pays. */
export const tenantHeader = 'verbena-tenant';
/** What the actor may do, separated by commas. */
export const rolesHeader = 'verbena-roles';

export interface Identity {
  readonly actor: string;
  readonly tenant: string;
  /** None when absent. */
  readonly roles?: readonly string[];
}

/** The identity that headers carry; a call without one was made by a service on its own account. */
export function identityFromHeaders(headers: Headers): Identity & { readonly roles: readonly string[] } {
  return {
    actor: decode(headers.get(actorHeader)) ?? 'system',
    tenant: decode(headers.get(tenantHeader)) ?? 'default',
    roles: rolesOf(headers.get(rolesHeader) ?? ''),
  };
}

/**
 * Whether a caller may know of everything, whosever it is: an admin, or a service on its own account. The gateway gives every caller from outside
 * a role, so nobody from there has none.
 */
export function seesEverything({ actor, roles = [] }: Identity): boolean {
  return roles.includes('admin') || (actor === 'system' && roles.length === 0);
}

/** Whether a caller may know of what belongs to a tenant. What it may not know of does not exist for it: NOT_FOUND. */
export function seesTenant(identity: Identity, owner: string): boolean {
  return identity.tenant === owner || seesEverything(identity);
}

/** The same from header lines. */
export function identityFromLines(lines: Iterable<readonly [string, string]>): Identity & { readonly roles: readonly string[] } {
  let actor: string | undefined;
  let tenant: string | undefined;
  let roles = '';
  for (const [name, value] of lines)
    if (name === actorHeader) actor = value;
    else if (name === tenantHeader) tenant = value;
    else if (name === rolesHeader) roles = value;
  return {
    actor: decode(actor ?? null) ?? 'system',
    tenant: decode(tenant ?? null) ?? 'default',
    roles: rolesOf(roles),
  };
}

function rolesOf(text: string): readonly string[] {
  if (text === '') return [];
  return text
    .split(',')
    .filter((role) => role !== '')
    .map((role) => decode(role) ?? '');
}

/** The identity that a call carries. */
export function identityOf(context: Pick<HandlerContext, 'requestHeader'>): Identity {
  return identityFromHeaders(context.requestHeader);
}

/** Headers that make a call on behalf of an identity. Percent-encoded, because a header holds no letter beyond Latin-1. */
export function identityHeaders(identity: Identity): Record<string, string> {
  const { actor, tenant, roles = [] } = identity;
  return {
    [actorHeader]: encodeURIComponent(actor.toWellFormed()),
    [tenantHeader]: encodeURIComponent(tenant.toWellFormed()),
    ...(roles.length > 0 && { [rolesHeader]: roles.map((role) => encodeURIComponent(role.toWellFormed())).join(',') }),
  };
}

/** What cannot be decoded stays as it is: a header is for people to read in a log, and no reason to fail a call. */
function decode(value: string | null): string | undefined {
  if (value === null) return undefined;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
