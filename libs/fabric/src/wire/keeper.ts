/**
 * Keeps one link connected while a queue pair wants it.
 *
 *   down --wanted--> dialing --welcome--> up --broken, silent, ended--> down (dials again, later and later)
 *     ^                 | busy, unknown, refused                          ^
 *     +-----------------+            accepted from the peer --> up -------+
 *
 * Both ends may dial at the same moment. Then the connection stays that was dialed by the process whose endpoint sorts first.
 */
import { connect } from 'node:net';
import type { WireEngine } from '@verbena/hca';
import { Connection } from './connection.ts';
import { parseEndpoint } from './endpoint.ts';
import { VERDICT, type Identity, type LinkKeys, type Verdict } from './handshake.ts';

export interface KeeperContext {
  readonly engine: WireEngine;
  readonly self: Identity;
  readonly secret: Uint8Array;
  /** There may be something to do for the engine, or is to be done with it: after this it does not doze. */
  readonly kick: () => void;
  readonly report: (endpoint: string, up: boolean, reason: string) => void;
}

export const HANDSHAKE_MS = 3_000;
const FIRST_DELAY_MS = 10;
const LONGEST_DELAY_MS = 1_000;
/** Looks at a link that brought nothing: ask, then give up. */
const SILENT_ASK = 2;
const SILENT_DROP = 8;

export class Keeper {
  readonly link: number;
  readonly endpoint: string;
  readonly #context: KeeperContext;
  #connection: Connection | undefined;
  #dialedByUs = false;
  #dialing: Connection | undefined;
  #incarnation: bigint | undefined;
  #delay = FIRST_DELAY_MS;
  #timer: NodeJS.Timeout | undefined;
  #heard = 0n;
  #silent = 0;
  #closed = false;

  constructor(context: KeeperContext, link: number, endpoint: string) {
    this.#context = context;
    this.link = link;
    this.endpoint = endpoint;
  }

  get up(): boolean {
    return this.#connection !== undefined;
  }

  /** Dials when the link is wanted and nothing is under way. */
  tend(): void {
    if (this.#closed || this.up || this.#dialing !== undefined || this.#timer !== undefined) return;
    if (this.#context.engine.status(this.link).wanted) void this.#dial();
  }

  /** What to say to the peer, who has just proved to be it. */
  judge(): Verdict {
    const first = this.#context.self.endpoint < this.endpoint;
    return first && (this.#dialing !== undefined || (this.up && this.#dialedByUs)) ? VERDICT.busy : VERDICT.welcome;
  }

  async accepted(connection: Connection, peer: Identity, keys: LinkKeys): Promise<void> {
    this.#dialing?.close();
    this.#dialing = undefined;
    await this.#use(connection, peer, keys, false);
  }

  async #dial(): Promise<void> {
    const { self, secret } = this.#context;
    const { host, port } = parseEndpoint(this.endpoint);
    const connection = new Connection(connect({ host, port }));
    this.#dialing = connection;
    const limit = setTimeout(() => connection.close(), HANDSHAKE_MS);
    try {
      const { verdict, peer, keys } = await connection.dial(self, this.endpoint, secret);
      if (this.#dialing !== connection) return;
      this.#dialing = undefined;
      if (verdict === VERDICT.welcome) await this.#use(connection, peer, keys, true);
      else connection.close();
    } catch (error) {
      connection.close();
      if (this.#dialing === connection) this.#context.report(this.endpoint, false, error instanceof Error ? error.message : String(error));
    } finally {
      clearTimeout(limit);
      if (this.#dialing === connection) this.#dialing = undefined;
      if (!this.up) this.#later();
    }
  }

  #later(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.tend();
    }, this.#delay);
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY_MS);
  }

  async #use(connection: Connection, peer: Identity, keys: LinkKeys, dialed: boolean): Promise<void> {
    await connection.flushed();
    if (this.#closed || connection.ended) return connection.close();
    const { engine } = this.#context;
    this.#context.kick();
    this.#drop();
    if (this.#incarnation !== undefined && this.#incarnation !== peer.incarnation) engine.lose(this.link);
    this.#incarnation = peer.incarnation;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const early: Uint8Array[] = [];
    let open = false;
    const stream = connection.stream((data) => {
      if (open) engine.received(this.link, data);
      else early.push(data);
      this.#context.kick();
    });
    engine.open(this.link, stream, keys, Buffer.concat(early));
    open = true;
    this.#connection = connection;
    this.#dialedByUs = dialed;
    this.#delay = FIRST_DELAY_MS;
    this.#silent = 0;
    connection.onEnd = (reason) => {
      if (this.#connection === connection) this.broken(reason);
    };
    this.#context.report(this.endpoint, true, dialed ? 'dialed' : 'accepted');
    this.#context.kick();
  }

  /** The connection is of no use any more. */
  broken(reason: string): void {
    if (!this.up) return;
    this.#context.kick();
    this.#drop();
    this.#context.report(this.endpoint, false, reason);
    this.#later();
  }

  #drop(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    // First nobody uses the descriptor any more, then it is closed: its number may be another file's at once.
    this.#context.engine.close(this.link);
    connection.close();
  }

  /** Called at equal intervals: a peer that says nothing is asked, and one that does not answer is gone. */
  look(): void {
    if (!this.up) return;
    const { bytesReceived } = this.#context.engine.status(this.link);
    this.#silent = bytesReceived === this.#heard ? this.#silent + 1 : 0;
    this.#heard = bytesReceived;
    if (this.#silent >= SILENT_DROP) this.broken('it has been silent for too long');
    else if (this.#silent >= SILENT_ASK) {
      this.#context.engine.ping(this.link);
      this.#context.kick();
    }
  }

  watch(): void {
    if (this.#connection?.ended === false) this.#connection.watch();
  }

  unwatch(): void {
    if (this.#connection?.ended === false) this.#connection.unwatch();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#dialing?.close();
    this.#drop();
  }
}
