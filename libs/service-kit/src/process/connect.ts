/** The connection of a service process to its bus. */
import { createNatsBus, type Bus } from '@verbena/messaging';
import type { BusOptions } from './run-service.ts';
import type { ServiceVariables } from './variables.ts';

/** @throws {Error} when the server cannot be reached or refuses us */
export function connectToNats(config: ServiceVariables, options: BusOptions): Promise<Bus> {
  const { VERBENA_NATS_URL: servers, VERBENA_NATS_USER: user, VERBENA_NATS_PASSWORD: password } = config;
  return createNatsBus({ ...options, servers, ...(user !== undefined && { user }), ...(password !== undefined && { password }) });
}
