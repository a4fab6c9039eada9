/**
 * The connection to the NATS server, which restores itself for ever: after a loss the first attempts come at once, later ones ever more seldom.
 * Subscriptions come back with it. What was published while it was lost is lost.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isNatsSecret } from '../permissions/nats-server-config.ts';
import {
  connect,
  nkeyAuthenticator,
  PermissionViolationError,
  type Msg,
  type NatsConnection,
  type NodeConnectionOptions,
  type Subscription,
} from '@nats-io/transport-node';

export interface ConnectionOptions {
  /** One or more, separated by commas: nats://host:4222. */
  readonly servers: string;
  readonly user?: string;
  /** A password, or the seed of an nkey: then the user is known by its key. */
  readonly password?: string;
  /** By which the server knows the connection. */
  readonly name: string;
  /** Of the first attempt, in milliseconds. */
  readonly connectMs: number;
  readonly told: (error: Error, what: string) => void;
}

async function credentials(user: string | undefined, password: string | undefined): Promise<ConnectOptions> {
  if (password !== undefined && (await isNatsSecret(password)))
    return { authenticator: nkeyAuthenticator(new TextEncoder().encode(password)) };
  return { ...(user !== undefined && { user }), ...(password !== undefined && { pass: password }) };
}

type ConnectOptions = Pick<NodeConnectionOptions, 'authenticator' | 'user' | 'pass'>;

const firstWaitMs = 20;
function newId(): string {
  return randomBytes(12).toString('base64url');
}

const longestWaitMs = 2_000;
const flushMs = 1_000;

/** The client asks for the wait time and again between two attempts, so it changes with attempts only. */
class Backoff {
  waitMs = firstWaitMs;

  attempted(): void {
    this.waitMs = Math.min(this.waitMs * (1.5 + Math.random()), longestWaitMs);
  }

  reset(): void {
    this.waitMs = firstWaitMs;
  }
}

export class Connection {
  readonly #nc: NatsConnection;
  readonly #options: ConnectionOptions;
  readonly #lost = new Set<() => void>();
  readonly #back = new Set<() => void>();
  readonly #refused = new Set<(subject: string, error: Error) => void>();
  #id = newId();
  #connected = true;
  #closing = false;

  private constructor(nc: NatsConnection, options: ConnectionOptions, backoff: Backoff) {
    this.#nc = nc;
    this.#options = options;
    void this.#watch(backoff);
  }

  /** @throws {Error} when no server can be reached, or when it refuses the credentials */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const backoff = new Backoff();
    const { servers, user, password, name, connectMs } = options;
    try {
      const nc = await connect({
        servers: servers.split(','),
        name,
        ...(await credentials(user, password)),
        timeout: connectMs,
        maxReconnectAttempts: -1,
        reconnectDelayHandler: () => backoff.waitMs,
        ignoreAuthErrorAbort: true,
        pingInterval: 10_000,
        maxPingOut: 2,
        noAsyncTraces: true,
      });
      return new Connection(nc, options, backoff);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const as = user === undefined ? '' : ` as ${user}`;
      throw new Error(`no connection to NATS at ${servers}${as}: ${why}`, { cause });
    }
  }

  /** Names this connection until it is lost: what was under way then has no name any more that could keep it alive. */
  get id(): string {
    return this.#id;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Bytes that one message may have. */
  get maxPayload(): number {
    return this.#nc.info?.max_payload ?? 1 << 20;
  }

  publish(subject: string, data: Uint8Array, reply?: string): void {
    if (this.#connected) this.#nc.publish(subject, data, reply === undefined ? undefined : { reply });
  }

  subscribe(subject: string, handle: (message: Msg) => void, queue?: string): Subscription {
    return this.#nc.subscribe(subject, {
      ...(queue !== undefined && { queue }),
      callback: (error, message) => {
        if (error === null) handle(message);
      },
    });
  }

  /** Resolves when the server has seen all that was sent; also when the connection was lost instead, or the server says nothing. */
  async flush(): Promise<void> {
    if (!this.#connected) return;
    const bound = new AbortController();
    const late = delay(flushMs, undefined, { signal: bound.signal }).catch(() => undefined);
    await Promise.race([this.#nc.flush().catch(() => undefined), late]);
    bound.abort();
  }

  /** Calls a function when the connection is lost: nothing that was under way can be heard of again. */
  onLost(react: () => void): () => void {
    this.#lost.add(react);
    return () => this.#lost.delete(react);
  }

  onBack(react: () => void): () => void {
    this.#back.add(react);
    return () => this.#back.delete(react);
  }

  /** Calls a function when the server refuses to let us publish to, or listen on, a subject. */
  onRefused(react: (subject: string, error: Error) => void): () => void {
    this.#refused.add(react);
    return () => this.#refused.delete(react);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.flush();
    this.#connected = false;
    await this.#nc.close();
  }

  async #watch(backoff: Backoff): Promise<void> {
    for await (const status of this.#nc.status()) {
      if (this.#closing) return;
      if (status.type === 'disconnect' && this.#connected) {
        this.#connected = false;
        this.#id = newId();
        for (const react of this.#lost) react();
      } else if (status.type === 'reconnecting') backoff.attempted();
      else if (status.type === 'reconnect') {
        backoff.reset();
        this.#connected = true;
        for (const react of this.#back) react();
      } else if (status.type === 'error') this.#erred(status.error);
    }
    if (!this.#closing) this.#options.told(new Error('the client of NATS gave up'), 'NATS connection');
  }

  #erred(error: Error): void {
    this.#options.told(error, 'NATS connection');
    if (error instanceof PermissionViolationError) for (const react of [...this.#refused]) react(error.subject, error);
  }
}
