/**
 * API tokens. The gateway makes the secrets and hashes those that callers show; whose a hash is, it asks over the bus and remembers for a few
 * seconds. A notification makes it forget at once, so a revoked token is refused with the next call, and within `ttlMs` when the notification is lost.
 */
import { createHash } from 'node:crypto';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { identityv1 } from '@verbena/contracts';
import { readRole, systemActor } from '@verbena/domain-identity';
import { withCallContext, type Bus } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';
import type { Authenticator, Caller } from './identity.ts';

const prefix = 'vbn_';
const secretBytes = 32;
const secretPattern = /^vbn_[A-Za-z0-9_-]{43}$/;
const askMs = 5_000;
const identityChanged = 'identity.changed';

/** A secret for a new token: "vbn_" and 256 random bits in base64url. */
export function newSecret(random: (bytes: number) => Uint8Array): string {
  return prefix + Buffer.from(random(secretBytes)).toString('base64url');
}

/** What the cluster keeps of a secret. @throws {TypeError} when it could be none */
export function hashOfSecret(secret: string): Uint8Array {
  if (!secretPattern.test(secret)) throw new TypeError('an API token is "vbn_" and 43 letters, digits, "-" or "_"');
  return new Uint8Array(createHash('sha256').update(secret).digest());
}

export interface TokenOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  /** How long an answer is believed, in milliseconds. */
  readonly ttlMs?: number;
  /** How many answers are remembered: somebody who tries many secrets costs no more memory than this. */
  readonly maximumRemembered?: number;
}

interface Remembered {
  readonly answer: Promise<Caller>;
  readonly until: number;
}

const unauthenticated = (why: string): ConnectError => new ConnectError(why, Code.Unauthenticated);

/** Callers show "authorization: Bearer vbn_...". */
export function tokenAuthenticator({ bus, clock, ttlMs = 5_000, maximumRemembered = 10_000 }: TokenOptions): Authenticator {
  const credentials = bus.client(identityv1.CredentialService);
  const remembered = new Map<string, Remembered>();
  const forget = bus.subscribe(identityChanged, () => remembered.clear());

  async function ask(secretSha256: Uint8Array): Promise<Caller> {
    const asSystem = { actor: systemActor, tenant: 'default' };
    const answer = await withCallContext(asSystem, () => credentials.authenticate({ secretSha256 }, { timeoutMs: askMs }));
    const role = readRole(identityv1.Role[answer.role]);
    if (answer.token === undefined || role === undefined) throw new ConnectError('the answer names no token or no role', Code.Internal);
    return { actor: answer.token.user, tenant: answer.token.tenant, role, token: answer.token };
  }

  function lookUp(secretSha256: Uint8Array): Promise<Caller> {
    const key = Buffer.from(secretSha256).toString('base64');
    const now = clock.monotonic();
    const known = remembered.get(key);
    if (known !== undefined && known.until > now) return known.answer;
    const answer = ask(secretSha256);
    remembered.delete(key);
    remembered.set(key, { answer, until: now + ttlMs });
    // The oldest is the first, since a map keeps the order in which its keys were set.
    for (const oldest of remembered.keys()) {
      if (remembered.size <= maximumRemembered) break;
      remembered.delete(oldest);
    }
    // That nobody could tell is not worth remembering; that a secret is good for nothing is.
    answer.catch((error: unknown) => {
      if (ConnectError.from(error).code !== Code.Unauthenticated && remembered.get(key)?.answer === answer) remembered.delete(key);
    });
    return answer;
  }

  return {
    async identify(headers) {
      const header = headers.get('authorization');
      if (header === null) throw unauthenticated('this cluster asks for an API token: send it as "authorization: Bearer vbn_..."');
      const secret = /^Bearer +(\S+)$/i.exec(header.trim())?.[1] ?? '';
      if (!secretPattern.test(secret)) throw unauthenticated('the authorization header holds no API token: it looks like "Bearer vbn_..."');
      try {
        const caller = await lookUp(hashOfSecret(secret));
        const expires = caller.token?.expiresAt;
        if (expires !== undefined && timestampDate(expires) <= clock.now()) throw unauthenticated('the token has expired');
        return caller;
      } catch (error) {
        const { code, rawMessage } = ConnectError.from(error);
        if (code === Code.Unauthenticated) throw unauthenticated(rawMessage);
        throw new ConnectError(
          'nobody can say at the moment whose token this is: try again',
          Code.Unavailable,
          undefined,
          undefined,
          error,
        );
      }
    },
    stop: forget,
  };
}
