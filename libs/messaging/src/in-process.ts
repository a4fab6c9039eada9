/**
 * The bus within one process: the embedded default. Calls go through Connect's own client and server, so that messages are really serialised and
 * deadlines, cancellation, codes, details and headers behave as they do over a network; only the bytes change hands in memory.
 */
import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Client, type ServiceImpl } from '@connectrpc/connect';
import type { UniversalClientFn } from '@connectrpc/connect/protocol';
import { createTransport } from '@connectrpc/connect/protocol-connect';
import type { Bus, Served } from './bus.ts';
import { cancelOnReturn } from './cancel-on-return.ts';
import { InProcessService, type DrainTimes } from './in-process-service.ts';
import { carryCallContext, serveInCallContext, type ServerInterceptorOptions } from './interceptors.ts';
import { subjectMatches } from './subjects.ts';

export interface InProcessBusOptions extends ServerInterceptorOptions {
  readonly drain?: Partial<DrainTimes>;
}

const baseUrl = 'https://in-process';
const noLimit = 0xffff_ffff;

class InProcessBus implements Bus {
  readonly #served = new Map<string, InProcessService>();
  readonly #subscriptions = new Set<{ readonly pattern: string; handler(payload: Uint8Array): void }>();
  readonly #options: InProcessBusOptions;
  #closed = false;

  constructor(options: InProcessBusOptions) {
    this.#options = options;
  }

  client<S extends DescService>(service: S, address?: string): Client<S> {
    const transport = createTransport({
      httpClient: this.#connect(service, address),
      baseUrl,
      useBinaryFormat: true,
      interceptors: [carryCallContext],
      acceptCompression: [],
      sendCompression: null,
      compressMinBytes: noLimit,
      readMaxBytes: noLimit,
      writeMaxBytes: noLimit,
    });
    return cancelOnReturn(service, createClient(service, transport));
  }

  async serve<S extends DescService>(service: S, implementation: ServiceImpl<S>, address?: string): Promise<Served> {
    if (this.#closed) throw new Error(`the bus is closed, so ${service.typeName} cannot be served`);
    const key = keyOf(service, address);
    if (this.#served.has(key)) throw new Error(`${key} is already served: stop the other one, or give this one an address of its own`);
    const served = new InProcessService(service, implementation as ServiceImpl<DescService>, {
      name: key,
      interceptors: [serveInCallContext(this.#options)],
      drain: { unaryMs: 5_000, streamMs: 500, ...this.#options.drain },
      unregister: () => {
        if (this.#served.get(key) === served) this.#served.delete(key);
      },
    });
    this.#served.set(key, served);
    return served;
  }

  publish(subject: string, payload: Uint8Array): void {
    const copy = payload.slice();
    for (const { pattern, handler } of this.#subscriptions) {
      if (subjectMatches(pattern, subject)) setImmediate(() => this.#notify(subject, () => handler(copy.slice())));
    }
  }

  subscribe(subject: string, handler: (payload: Uint8Array) => void): () => void {
    let active = true;
    const subscription = { pattern: subject, handler: (payload: Uint8Array) => active && handler(payload) };
    this.#subscriptions.add(subscription);
    return () => {
      active = false;
      this.#subscriptions.delete(subscription);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#subscriptions.clear();
    await Promise.all([...this.#served.values()].map((served) => served.stop()));
  }

  /** Looks the service up at the time of each call, so that services may start and stop in any order. */
  #connect(service: DescService, address: string | undefined): UniversalClientFn {
    const key = keyOf(service, address);
    return (request) => {
      const served = this.#served.get(key);
      if (served === undefined) return Promise.reject(new ConnectError(`${key} is not served at the moment`, Code.Unavailable));
      return served.call(new URL(request.url).pathname, request);
    };
  }

  #notify(subject: string, handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.#options.onUnexpectedError?.(error, subject);
    }
  }
}

export function createInProcessBus(options: InProcessBusOptions = {}): Bus {
  return new InProcessBus(options);
}

function keyOf(service: DescService, address: string | undefined): string {
  return address === undefined ? service.typeName : `${service.typeName} at ${address}`;
}
