/** How many requests a token may make: a bucket for each, which fills at a rate up to a burst, and from which every request takes one. */
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { rpcerrors } from '@verbena/contracts';
import type { Clock } from '@verbena/service-kit';
import type { Caller } from './identity.ts';

export interface RateLimitOptions {
  readonly clock: Clock;
  /** Requests a second, on the long run. */
  readonly perSecond: number;
  /** Requests at once after a rest; ten seconds' worth by default. */
  readonly burst?: number;
  /** Tokens of which the state is kept; the one that was quiet for longest is forgotten first, and begins anew. */
  readonly maximumTokens?: number;
}

interface Bucket {
  left: number;
  at: number;
}

export class RateLimit {
  readonly #options: Required<RateLimitOptions>;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: RateLimitOptions) {
    this.#options = { burst: Math.max(1, options.perSecond * 10), maximumTokens: 10_000, ...options };
  }

  /** Takes one request of a caller. @throws {ConnectError} RESOURCE_EXHAUSTED, with google.rpc.RetryInfo, when there is none left */
  take({ tenant, actor, token }: Caller): void {
    const { clock, perSecond, burst, maximumTokens } = this.#options;
    const key = token?.id ?? `${tenant}/${actor}`;
    const now = clock.monotonic();
    const { left, at } = this.#buckets.get(key) ?? { left: burst, at: now };
    const filled = Math.min(burst, left + ((now - at) / 1_000) * perSecond);
    const enough = filled >= 1;
    this.#buckets.delete(key);
    this.#buckets.set(key, { left: enough ? filled - 1 : filled, at: now });
    for (const quietest of this.#buckets.keys()) {
      if (this.#buckets.size <= maximumTokens) break;
      this.#buckets.delete(quietest);
    }
    if (enough) return;
    const waitMs = Math.ceil(((1 - filled) / perSecond) * 1_000);
    const detail = { desc: rpcerrors.RetryInfoSchema, value: { retryDelay: durationFromMs(waitMs) } };
    throw new ConnectError(
      `${key} makes more than ${perSecond} requests a second: try again in ${waitMs} ms`,
      Code.ResourceExhausted,
      undefined,
      [detail],
    );
  }
}
