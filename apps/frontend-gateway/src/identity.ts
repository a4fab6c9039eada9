/**
 * Who calls. On loopback the gateway may serve a single user: whoever reaches it owns the cluster, and says under which name. Everywhere else a
 * caller shows an API token (tokens.ts).
 */
import { createContextKey, Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import type { identityv1 } from '@verbena/contracts';
import { defaultTenant, type Role } from '@verbena/domain-identity';
import type { Identity } from '@verbena/messaging';

export interface Caller extends Identity {
  readonly role: Role;
  /** The token that it showed. */
  readonly token?: identityv1.Token;
}

export interface Authenticator {
  /** Who sends a request with these headers. @throws {ConnectError} UNAUTHENTICATED, saying why; UNAVAILABLE when nobody can tell */
  identify(headers: Headers): Promise<Caller>;
  stop(): void;
}

/** The header with which a client names the user of its operating system. It is recorded with events, and grants nothing. */
export const userHeader = 'verbena-user';

const acceptable = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** Whoever calls owns the cluster; a name that could not be a user's is recorded as "unknown". */
export function singleUser(): Authenticator {
  return {
    identify: (headers) => {
      const user = headers.get(userHeader) ?? '';
      return Promise.resolve({ actor: acceptable.test(user) ? user : 'unknown', tenant: defaultTenant, role: 'admin' });
    },
    stop: () => undefined,
  };
}

/** Set by the interceptor that lets a call in. */
export const callerKey = createContextKey<Caller | undefined>(undefined, { description: 'who calls' });

/** The caller of a request that was let in. */
export function callerOf(context: Pick<HandlerContext, 'values'>): Caller {
  const caller = context.values.get(callerKey);
  if (caller === undefined) throw new ConnectError('the call was let in without a caller', Code.Internal);
  return caller;
}
