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
import { callerName, type Caller } from './caller.ts';
import { callInContext, serveInCallContext, type ServerInterceptorOptions } from './interceptors.ts';
import { isListed, mayCall } from './permissions/table.ts';
import { defaultDrainTimes, ServedService, type DrainTimes } from './served-service.ts';
import { subjectMatches } from './subjects.ts';

export interface InProcessBusOptions extends ServerInterceptorOptions {
  readonly drain?: Partial<DrainTimes>;
  /** As whom this bus calls. */
  readonly caller?: Caller;
}

/** A bus that several services of one process use, each under its own name. */
export interface ComposedBus extends Bus {
  /** The same bus for one of the services: what it calls and serves is traced and counted as its own, and it calls under its own name. */
  as(service: ServerInterceptorOptions & { readonly caller?: Caller }): Bus;
}

const baseUrl = 'https://in-process';
const noLimit = 0xffff_ffff;

/** What all views of one bus have in common. */
interface Wires {
  readonly served: Map<string, ServedService>;
  readonly subscriptions: Set<{ readonly pattern: string; handler(payload: Uint8Array): void }>;
  closed: boolean;
}

class InProcessBus implements ComposedBus {
  readonly #wires: Wires;
  readonly #options: InProcessBusOptions;

  constructor(options: InProcessBusOptions, wires: Wires = { served: new Map(), subscriptions: new Set(), closed: false }) {
    this.#options = options;
    this.#wires = wires;
  }

  as(service: ServerInterceptorOptions & { readonly caller?: Caller }): Bus {
    return new InProcessBus({ ...this.#options, ...service }, this.#wires);
  }

  client<S extends DescService>(service: S, address?: string): Client<S> {
    const transport = createTransport({
      httpClient: this.#connect(service, address),
      baseUrl,
      useBinaryFormat: true,
      interceptors: [callInContext(this.#options)],
      acceptCompression: [],
      sendCompression: null,
      compressMinBytes: noLimit,
      readMaxBytes: noLimit,
      writeMaxBytes: noLimit,
    });
    return cancelOnReturn(service, createClient(service, transport));
  }

  async serve<S extends DescService>(service: S, implementation: ServiceImpl<S>, address?: string): Promise<Served> {
    if (this.#wires.closed) throw new Error(`the bus is closed, so ${service.typeName} cannot be served`);
    const key = keyOf(service, address);
    if (this.#wires.served.has(key))
      throw new Error(`${key} is already served: stop the other one, or give this one an address of its own`);
    const served = new ServedService(service, implementation as ServiceImpl<DescService>, {
      name: key,
      interceptors: [serveInCallContext(this.#options)],
      drain: { ...defaultDrainTimes, ...this.#options.drain },
      unregister: () => {
        if (this.#wires.served.get(key) === served) this.#wires.served.delete(key);
      },
    });
    this.#wires.served.set(key, served);
    return served;
  }

  publish(subject: string, payload: Uint8Array): void {
    const copy = payload.slice();
    for (const { pattern, handler } of this.#wires.subscriptions) {
      if (subjectMatches(pattern, subject)) setImmediate(() => this.#notify(subject, () => handler(copy.slice())));
    }
  }

  subscribe(subject: string, handler: (payload: Uint8Array) => void): () => void {
    let active = true;
    const subscription = { pattern: subject, handler: (payload: Uint8Array) => active && handler(payload) };
    this.#wires.subscriptions.add(subscription);
    return () => {
      active = false;
      this.#wires.subscriptions.delete(subscription);
    };
  }

  connected(): boolean {
    return !this.#wires.closed;
  }

  async close(): Promise<void> {
    this.#wires.closed = true;
    this.#wires.subscriptions.clear();
    await Promise.all([...this.#wires.served.values()].map((served) => served.stop()));
  }

  /** Looks the service up at the time of each call, so that services may start and stop in any order. */
  #connect(service: DescService, address: string | undefined): UniversalClientFn {
    const key = keyOf(service, address);
    const { caller } = this.#options;
    const refused = caller === undefined || !isListed(service) ? [] : service.methods.filter((method) => !mayCall(caller, method));
    const refusedPaths = new Set(refused.map(({ name }) => `/${service.typeName}/${name}`));
    return (request) => {
      if (caller !== undefined && refusedPaths.has(new URL(request.url).pathname))
        return Promise.reject(new ConnectError(`${callerName(caller)} may not call ${key}`, Code.PermissionDenied));
      const served = this.#wires.served.get(key);
      if (served === undefined) return Promise.reject(new ConnectError(`${key} is not served at the moment`, Code.Unavailable));
      return served.call(new URL(request.url).pathname, request, this.#options.caller);
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

export function createInProcessBus(options: InProcessBusOptions = {}): ComposedBus {
  return new InProcessBus(options);
}

function keyOf(service: DescService, address: string | undefined): string {
  return address === undefined ? service.typeName : `${service.typeName} at ${address}`;
}
