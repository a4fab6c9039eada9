/**
 * The bus within one process: the embedded default. Calls go through Connect's own client and server, so that messages are really serialised and
 * deadlines, cancellation, codes, details and headers behave as they do over a network; only the bytes change hands in memory.
 */
import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Client, type ServiceImpl, type Transport } from '@connectrpc/connect';
import { createTransport } from '@connectrpc/connect/protocol-connect';
import type { Bus, Served } from './bus.ts';
import { cancelOnReturn } from './cancel-on-return.ts';
import { callerName, type Caller } from './caller.ts';
import { callInContext, type ServerInterceptorOptions } from './interceptors.ts';
import { keep } from './keep.ts';
import { defaultLimits } from './nats/limits.ts';
import { isRefused } from './permissions/table.ts';
import { defaultDrainTimes, ServedService, type DrainTimes } from './served-service.ts';
import { subjectMatches } from './subjects.ts';
import { unaryOver } from './unary.ts';

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
const { messageBytes } = defaultLimits;

/** What all views of one bus have in common. */
interface Wires {
  readonly served: Map<string, ServedService>;
  readonly subscriptions: Set<{ readonly pattern: string; handler(payload: Uint8Array): void }>;
  closed: boolean;
}

class InProcessBus implements ComposedBus {
  readonly #wires: Wires;
  readonly #options: InProcessBusOptions;
  readonly #clients = new Map<string, unknown>();

  constructor(options: InProcessBusOptions, wires: Wires = { served: new Map(), subscriptions: new Set(), closed: false }) {
    this.#options = options;
    this.#wires = wires;
  }

  as(service: ServerInterceptorOptions & { readonly caller?: Caller }): Bus {
    return new InProcessBus({ ...this.#options, ...service }, this.#wires);
  }

  client<S extends DescService>(service: S, address?: string): Client<S> {
    const key = keyOf(service, address);
    const known = this.#clients.get(key);
    if (known !== undefined) return known as Client<S>;
    const client = cancelOnReturn(service, createClient(service, this.#transport(key)));
    keep(this.#clients, key, client);
    return client;
  }

  async serve<S extends DescService>(service: S, implementation: ServiceImpl<S>, address?: string): Promise<Served> {
    if (this.#wires.closed) throw new Error(`the bus is closed, so ${service.typeName} cannot be served`);
    const key = keyOf(service, address);
    if (this.#wires.served.has(key))
      throw new Error(`${key} is already served: stop the other one, or give this one an address of its own`);
    const served = new ServedService(service, implementation as ServiceImpl<DescService>, {
      name: key,
      telemetry: this.#options,
      messageBytes,
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

  #transport(key: string): Transport {
    const { stream } = createTransport({
      httpClient: async (request) => {
        const path = new URL(request.url).pathname;
        return this.#find(key, path).stream(path, request, this.#options.caller);
      },
      baseUrl,
      useBinaryFormat: true,
      interceptors: [callInContext(this.#options)],
      acceptCompression: [],
      sendCompression: null,
      compressMinBytes: messageBytes,
      readMaxBytes: messageBytes,
      writeMaxBytes: messageBytes,
    });
    const unary = unaryOver(
      (method, request) => this.#find(key, `/${method.parent.typeName}/${method.name}`).unary(method, request, this.#options.caller),
      { ...this.#options, messageBytes },
    );
    return { stream, unary };
  }

  /** Looks the service up at the time of each call, so that services may start and stop in any order. */
  #find(key: string, path: string): ServedService {
    const { caller } = this.#options;
    const served = this.#wires.served.get(key);
    if (caller !== undefined && isRefused(caller, path))
      throw new ConnectError(`${callerName(caller)} may not call ${path}`, Code.PermissionDenied);
    if (served === undefined) throw new ConnectError(`${key} is not served at the moment`, Code.Unavailable);
    return served;
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
