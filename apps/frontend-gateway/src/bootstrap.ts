/**
 * How callers are told apart, and how the first of them gets in: a secret that whoever starts the gateway gives it becomes the token of an admin.
 * Giving the same secret again changes nothing; giving another one makes another token.
 */
import { ConnectError } from '@connectrpc/connect';
import { identityv1 } from '@verbena/contracts';
import { defaultTenant, systemActor } from '@verbena/domain-identity';
import { withCallContext } from '@verbena/messaging';
import type { ServiceContext } from '@verbena/service-kit';
import { isLoopback } from './host-check.ts';
import { singleUser, type Authenticator } from './identity.ts';
import { hashOfSecret, tokenAuthenticator } from './tokens.ts';

/** `single-user`: whoever reaches the gateway owns the cluster. `tokens`: callers show API tokens. */
export const authModes = ['single-user', 'tokens'] as const;
export type AuthMode = (typeof authModes)[number];

export interface AuthOptions {
  readonly mode?: AuthMode;
  /** The secret of the first admin's token: "vbn_" and 43 characters, as `verbena token bootstrap` makes it. */
  readonly bootstrapSecret?: string;
}

export interface Door {
  readonly mode: AuthMode;
  readonly authenticator: Authenticator;
  notReady(): string | undefined;
  stop(): void;
}

const adminName = 'admin';
const retryMs = 1_000;

/** The mode that counts: what was said, or else what suits the address. */
export function authModeFor(host = '127.0.0.1', mode?: AuthMode): AuthMode {
  return mode ?? (isLoopback(host) ? 'single-user' : 'tokens');
}

/** @throws {TypeError} when the bootstrap secret is none */
export function authenticatorFor(context: ServiceContext, host: string, { mode, bootstrapSecret }: AuthOptions = {}): Door {
  const chosen = authModeFor(host, mode);
  if (chosen === 'single-user') {
    if (!isLoopback(host)) context.log.warn({ host }, 'whoever reaches this address owns the cluster: no token is asked for');
    return { mode: chosen, authenticator: singleUser(), notReady: () => undefined, stop: () => undefined };
  }
  const authenticator = tokenAuthenticator(context);
  const stopped = new AbortController();
  let waits: string | undefined;
  if (bootstrapSecret !== undefined) {
    const secretSha256 = hashOfSecret(bootstrapSecret);
    waits = "the first admin's token has not been recorded yet";
    void recordUntilDone(context, secretSha256, stopped.signal, (reason) => (waits = reason));
  }
  return {
    mode: chosen,
    authenticator,
    notReady: () => waits,
    stop: () => {
      stopped.abort();
      authenticator.stop();
    },
  };
}

/** Storage may start after the gateway, so this goes on until it has answered. */
async function recordUntilDone(
  { bus, clock, log }: ServiceContext,
  secretSha256: Uint8Array,
  signal: AbortSignal,
  tell: (reason: string | undefined) => void,
): Promise<void> {
  const credentials = bus.client(identityv1.CredentialService);
  const idempotencyKey = Buffer.from(secretSha256).toString('hex');
  const token = { tenant: defaultTenant, user: adminName, role: identityv1.Role.ADMIN, description: 'bootstrap', idempotencyKey };
  while (!signal.aborted)
    try {
      await withCallContext({ actor: systemActor, tenant: defaultTenant }, () =>
        credentials.issueToken({ secretSha256, token, bootstrap: true }, { timeoutMs: 5_000, signal }),
      );
      tell(undefined);
      return;
    } catch (error) {
      const { rawMessage } = ConnectError.from(error);
      tell(`the first admin's token cannot be recorded: ${rawMessage}`);
      if (!signal.aborted) log.warn({ reason: rawMessage }, "the first admin's token cannot be recorded yet");
      await clock.sleep(retryMs, signal).catch(() => undefined);
    }
}
