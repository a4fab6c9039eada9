import type { Bus } from '../bus.ts';
import type { Caller } from '../caller.ts';
import type { ServerInterceptorOptions } from '../interceptors.ts';
import type { DrainTimes } from '../served-service.ts';
import type { NatsBusLimits } from './limits.ts';

export interface NatsBusOptions extends ServerInterceptorOptions {
  /** One or more servers, separated by commas: nats://host:4222. */
  readonly servers: string;
  readonly user?: string;
  /** A password, or the seed of an nkey (newNatsSecret): then the server knows the user by its key, and `user` is not used. */
  readonly password?: string;
  /** As whom this process calls; the user's permissions must be those of this caller. */
  readonly caller: Caller;
  /** The first token of all subjects, so that several clusters may share a server. */
  readonly prefix?: string;
  readonly drain?: Partial<DrainTimes>;
  readonly limits?: Partial<NatsBusLimits>;
  /** How long the first attempt to connect may take, in milliseconds. */
  readonly connectMs?: number;
}

/**
 * Connects to a NATS server. Once connected, the bus restores its connection by itself, for ever. The client is loaded here only, since a cluster in
 * one process needs none.
 * @throws {Error} when no server can be reached, or when it refuses the credentials
 */
export async function createNatsBus(options: NatsBusOptions): Promise<Bus> {
  const { connectNatsBus } = await import('./nats-bus.ts');
  return connectNatsBus(options);
}
