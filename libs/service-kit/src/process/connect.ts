/** The connection of a service process to its bus. */
import * as messaging from '@verbena/messaging';
import type { Bus } from '@verbena/messaging';
import type { BusOptions } from './run-service.ts';
import type { ServiceVariables } from './variables.ts';

type CreateNatsBus = (options: BusOptions & { servers: string; user?: string; password?: string }) => Promise<Bus>;

/** @throws {Error} when the server cannot be reached or refuses us */
export function connectToNats(config: ServiceVariables, options: BusOptions): Promise<Bus> {
  const { createNatsBus } = messaging as unknown as { createNatsBus?: CreateNatsBus };
  if (createNatsBus === undefined) return Promise.reject(new Error('this version of Verbena has no bus over NATS yet'));
  const { VERBENA_NATS_URL: servers, VERBENA_NATS_USER: user, VERBENA_NATS_PASSWORD: password } = config;
  return createNatsBus({ ...options, servers, ...(user !== undefined && { user }), ...(password !== undefined && { password }) });
}
