/**
 * Who makes a call: the service, and which instance of it where there are several. The bus proves it (over NATS by the subject that the caller's
 * credentials let it publish to), so that a service may decide by it. It is not on whose behalf the call is made: that is the identity.
 */
import { createContextKey } from '@connectrpc/connect';

export interface Caller {
  /** "scheduler", "node-agent" and so on. */
  readonly service: string;
  /** Which of several: for a node-agent its node's id. */
  readonly instance?: string;
}

/** How a caller is called in messages for people. */
export function callerName({ service, instance }: Caller): string {
  return instance === undefined ? service : `${service} ${instance}`;
}

export const callerKey = createContextKey<Caller | undefined>(undefined, { description: 'caller' });
