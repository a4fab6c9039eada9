/** Who calls. In this version the gateway serves a single user on loopback: whoever reaches it owns the cluster, and says under which name. */
import type { Identity } from '@verbena/messaging';
import type { Role } from './authorization.ts';

export interface Caller extends Identity {
  readonly role: Role;
}

/** The header with which a client names the user of its operating system. It is recorded with events, and grants nothing. */
export const userHeader = 'verbena-user';

const acceptable = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** The caller that a request's headers name; a name that could not be a user's is recorded as "unknown". */
export function callerOf(headers: Headers): Caller {
  const user = headers.get(userHeader) ?? '';
  return { actor: acceptable.test(user) ? user : 'unknown', tenant: 'default', role: 'operator' };
}
