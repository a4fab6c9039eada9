/**
 * The bus over NATS: the same services and notifications as in process, between processes on any number of machines. Nothing is kept in NATS:
 * its server may be restarted, or lose all that it has, at any moment.
 */
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { createClient, type Client, type ServiceImpl, type Transport } from '@connectrpc/connect';
import { createTransport } from '@connectrpc/connect/protocol-connect';
import type { Bus, Served } from '../bus.ts';
import { cancelOnReturn } from '../cancel-on-return.ts';
import { callerName } from '../caller.ts';
import { callInContext } from '../interceptors.ts';
import { defaultDrainTimes, ServedService } from '../served-service.ts';
import { keep } from '../keep.ts';
import { unaryOver } from '../unary.ts';
import { Calls, type Callee } from './calls.ts';
import { Connection } from './connection.ts';
import type { NatsBusOptions } from './create-nats-bus.ts';
import { callerTokens, serviceSubjects } from './layout.ts';
import { defaultLimits, type NatsBusLimits } from './limits.ts';
import { Serving } from './serving.ts';

const baseUrl = 'https://nats';

/** @throws {Error} when no server can be reached, or when it refuses the credentials */
export async function connectNatsBus(options: NatsBusOptions): Promise<Bus> {
  const { servers, user, password, caller, connectMs = 5_000, onUnexpectedError } = options;
  const connection = await Connection.open({
    servers,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    name: callerName(caller),
    connectMs,
    told: (error, what) => onUnexpectedError?.(error, what),
  });
  return new NatsBus(connection, { ...options, attributes: { 'messaging.system': 'nats', ...options.attributes } });
}

class NatsBus implements Bus {
  readonly #connection: Connection;
  readonly #options: NatsBusOptions;
  readonly #limits: NatsBusLimits;
  readonly #prefix: string;
  readonly #calls: Calls;
  readonly #served = new Map<string, Serving>();
  readonly #clients = new Map<string, unknown>();
  #closed: Promise<void> | undefined;

  constructor(connection: Connection, options: NatsBusOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#prefix = options.prefix ?? 'verbena';
    connection.onBack(() => options.onReconnected?.());
    this.#calls = new Calls(connection, {
      prefix: this.#prefix,
      me: callerTokens(options.caller),
      limits: this.#limits,
      told: (error, what) => options.onUnexpectedError?.(error, what),
    });
  }

  client<S extends DescService>(service: S, address?: string): Client<S> {
    const name = nameOf(service, address);
    const known = this.#clients.get(name);
    if (known !== undefined) return known as Client<S>;
    const to = { name, subjects: serviceSubjects(this.#prefix, service.typeName, address) };
    const client = cancelOnReturn(service, createClient(service, this.#transport(service, to)));
    keep(this.#clients, name, client);
    return client;
  }

  async serve<S extends DescService>(service: S, implementation: ServiceImpl<S>, address?: string): Promise<Served> {
    const name = nameOf(service, address);
    if (this.#closed !== undefined) throw new Error(`the bus is closed, so ${service.typeName} cannot be served`);
    if (this.#served.has(name)) throw new Error(`${name} is already served: stop the other one, or give this one an address of its own`);
    const local = new ServedService(service, implementation as ServiceImpl<DescService>, {
      name,
      telemetry: this.#options,
      messageBytes: this.#limits.messageBytes,
      drain: { ...defaultDrainTimes, ...this.#options.drain },
      unregister: () => {
        if (this.#served.get(name) === serving) this.#served.delete(name);
      },
    });
    const serving = new Serving(this.#connection, local, {
      service,
      name,
      subjects: serviceSubjects(this.#prefix, service.typeName, address),
      limits: this.#limits,
      told: (error, what) => this.#options.onUnexpectedError?.(error, what),
    });
    this.#served.set(name, serving);
    await serving.start();
    return serving;
  }

  publish(subject: string, payload: Uint8Array): void {
    this.#connection.publish(`${this.#prefix}.note.${subject}`, payload.slice());
  }

  subscribe(subject: string, handler: (payload: Uint8Array) => void): () => void {
    const subscription = this.#connection.subscribe(`${this.#prefix}.note.${subject}`, (message) => {
      try {
        handler(new Uint8Array(message.data));
      } catch (error) {
        this.#options.onUnexpectedError?.(error, subject);
      }
    });
    return () => subscription.unsubscribe();
  }

  connected(): boolean {
    return this.#connection.connected;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #transport(service: DescService, to: Callee): Transport {
    const { messageBytes } = this.#limits;
    const methods = new Map<string, DescMethod>(service.methods.map((method) => [`/${service.typeName}/${method.name}`, method]));
    const { stream } = createTransport({
      httpClient: (request) => this.#calls.stream(methods.get(new URL(request.url).pathname)!, to, request),
      baseUrl,
      useBinaryFormat: true,
      interceptors: [callInContext(this.#options)],
      acceptCompression: [],
      sendCompression: null,
      compressMinBytes: messageBytes,
      readMaxBytes: messageBytes,
      writeMaxBytes: messageBytes,
    });
    const unary = unaryOver((method, request) => this.#calls.unary(method, to, request), { ...this.#options, messageBytes });
    return { stream, unary };
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#served.values()].map((serving) => serving.stop()));
    this.#calls.close();
    await this.#connection.close();
  }
}

function nameOf(service: DescService, address: string | undefined): string {
  return address === undefined ? service.typeName : `${service.typeName} at ${address}`;
}
