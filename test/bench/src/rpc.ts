/**
 * A round trip over the bus against a plain NATS request that carries the same message: the same server, two connections to the same responder in
 * a process of its own, one call after the other.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { create, toBinary } from '@bufbuild/protobuf';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { createNatsBus, type Bus } from '@verbena/messaging';
import { echoService, pingSchema, startNatsServer, type TestNatsServer } from '@verbena/messaging/testing';

export interface RoundTrips {
  /** Microseconds of one round trip, the mean of many. */
  ours(): Promise<number>;
  plain(): Promise<number>;
  close(): Promise<void>;
}

/** Starts what is needed when it is first measured. */
export function roundTrips(): RoundTrips {
  let started: Promise<RoundTrips> | undefined;
  const start = (): Promise<RoundTrips> => (started ??= startRoundTrips());
  return {
    ours: async () => (await start()).ours(),
    plain: async () => (await start()).plain(),
    close: async () => (await started)?.close(),
  };
}

const subject = 'plain.echo';
const calls = 2_000;
const data = new Uint8Array(100).fill(7);

async function startRoundTrips(): Promise<RoundTrips> {
  const server = await startNatsServer().catch((cause: unknown) => {
    throw new Error('the figures of the bus need a NATS server', { cause });
  });
  const responder = fork(new URL('./rpc-responder.ts', import.meta.url), [server.url, subject], { execArgv: process.execArgv });
  await once(responder, 'message');
  const bus = await createNatsBus({ servers: server.url, caller: { service: 'caller' } });
  const plain = await connect({ servers: server.url });
  const client = bus.client(echoService);
  const bytes = toBinary(pingSchema, create(pingSchema, { text: 'hello', data }));
  const trips = {
    ours: () =>
      timed(async () => {
        const answer = await client.one({ text: 'hello', data });
        if (answer.data.length !== data.length) throw new Error('the answer is not what was sent');
      }),
    plain: () =>
      timed(async () => {
        const answer = await plain.request(subject, bytes, { timeout: 5_000 });
        if (answer.data.length !== bytes.length) throw new Error('the answer is not what was sent');
      }),
  };
  // Both sides are compiled by the engine before anything counts.
  await trips.plain();
  await trips.ours();
  return { ...trips, close: () => close(server, responder, bus, plain) };
}

async function timed(call: () => Promise<void>): Promise<number> {
  const start = performance.now();
  for (let n = 0; n < calls; n++) await call();
  return ((performance.now() - start) * 1_000) / calls;
}

async function close(server: TestNatsServer, responder: ChildProcess, bus: Bus, plain: NatsConnection): Promise<void> {
  await bus.close();
  await plain.close();
  const gone = once(responder, 'exit');
  responder.disconnect();
  await gone;
  await server.stop();
}
