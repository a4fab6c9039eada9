/** For specs of the bus over NATS: a server for each test, buses that are closed after it, and a service that answers what it is asked. */
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from 'node:net';
import { ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect } from 'vitest';
import type { Bus } from '../bus.ts';
import type { echoService } from '../testing/echo.ts';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { createNatsBus, type NatsBusOptions } from './create-nats-bus.ts';

export type Echo = ServiceImpl<typeof echoService>;

export interface Wired {
  readonly server: () => TestNatsServer;
  busOf(service: string, more?: Partial<NatsBusOptions>): Promise<Bus>;
  /** A client that does what it likes. */
  plain(): Promise<NatsConnection>;
}

/** Registers the hooks of a spec. */
export function wired(): Wired {
  let server: TestNatsServer;
  const toClose: { close(): Promise<void> }[] = [];
  const closed = <T extends { close(): Promise<void> }>(one: T): T => {
    toClose.push(one);
    return one;
  };
  beforeEach(async () => void (server = await startNatsServer()));
  afterEach(async () => {
    await Promise.all(toClose.splice(0).map((one) => one.close()));
    await server.stop();
  });
  const drain = { unaryMs: 50, streamMs: 10 };
  return {
    server: () => server,
    busOf: async (service, more) => closed(await createNatsBus({ servers: server.url, caller: { service }, drain, ...more })),
    plain: async () => closed(await connect({ servers: server.url })),
  };
}

/** A way to the server that can be cut, for one connection alone. */
export async function cuttable(port: number): Promise<{ url: string; cut(): void; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connectSocket(port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const close = (): Promise<void> => {
    cut();
    return new Promise((resolve) => proxy.close(() => resolve()));
  };
  return { url: `nats://127.0.0.1:${(proxy.address() as AddressInfo).port}`, cut, close };
}

/** The subject on which a caller called "rogue" calls. */
export const subjectOf = (method: string): string => `verbena.rpc.verbena-testing-Echo.=.${method}.rogue.=`;

/** A service that answers what it is asked, but for the methods that are given. */
export const echo = (more: Partial<Echo> = {}): Echo => ({ one: (ping) => ping, ...more }) as Echo;

export const failure = (call: Promise<unknown>): Promise<ConnectError> =>
  call.then(() => expect.unreachable('it succeeded'), ConnectError.from);

export async function drained(stream: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of stream) count++;
  return count;
}

/** Resolves when a handler's signal aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
