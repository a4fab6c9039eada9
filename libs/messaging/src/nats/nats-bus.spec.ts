import { afterAll, beforeAll } from 'vitest';
import type { Bus } from '../bus.ts';
import type { Caller } from '../caller.ts';
import { busContract } from '../testing/contract.ts';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { createNatsBus } from './create-nats-bus.ts';

let server: TestNatsServer;
beforeAll(async () => void (server = await startNatsServer()));
afterAll(() => server.stop());

const connected = (caller: Caller): Promise<Bus> => createNatsBus({ servers: server.url, caller, drain: { streamMs: 10 } });

busContract('The bus over NATS', connected);

busContract('The bus over NATS, between two connections', async (caller) => {
  const [near, far] = await Promise.all([connected(caller), connected({ service: 'far' })]);
  return {
    client: (service, address) => near.client(service, address),
    serve: (service, implementation, address) => far.serve(service, implementation, address),
    publish: (subject, payload) => far.publish(subject, payload),
    subscribe: (subject, handler) => far.subscribe(subject, handler),
    connected: () => near.connected() && far.connected(),
    close: async () => void (await Promise.all([near.close(), far.close()])),
  };
});
