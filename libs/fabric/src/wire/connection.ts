/** A TCP connection to another process, from the handshake to the hand-over of its descriptor to the firmware. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { streamOver, type WasiStream } from '@verbena/hca';
import {
  Acquaintance,
  HELLO_BYTES,
  HandshakeError,
  NONCE_BYTES,
  PROOF_BYTES,
  VERDICT,
  readHello,
  sayHello,
  type Identity,
  type LinkKeys,
  type Verdict,
} from './handshake.ts';

/** What a socket of Node has inside. The firmware reads and writes the descriptor itself, so libuv must not. */
interface Handle {
  readonly fd: number;
  readStart(): void;
  readStop(): void;
}

function handleOf(socket: Socket): Handle {
  const { _handle } = socket as unknown as { _handle?: Handle | null };
  if (_handle === undefined || _handle === null || !(_handle.fd >= 0)) throw new Error('the socket has no descriptor: it is closed');
  return _handle;
}

export class Connection {
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #bytes = 0;
  #more: (() => void) | undefined;
  #failure: Error | undefined;
  #onData: ((data: Uint8Array) => void) | undefined;
  /** Called once when the connection has ended by itself. */
  onEnd: ((reason: string) => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      if (this.#onData !== undefined) return this.#onData(data);
      this.#received.push(data);
      this.#bytes += data.length;
      this.#more?.();
    });
    socket.on('error', (error) => this.#end(error.message));
    socket.on('end', () => this.#end('the other end has closed it'));
    socket.on('close', () => this.#end('it is closed'));
  }

  #end(reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = new Error(reason);
    this.#more?.();
    this.onEnd?.(reason);
  }

  async #take(bytes: number): Promise<Uint8Array> {
    while (this.#bytes < bytes) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => (this.#more = resolve));
    }
    const all = Buffer.concat(this.#received);
    this.#received = [all.subarray(bytes)];
    this.#bytes -= bytes;
    return new Uint8Array(all.subarray(0, bytes));
  }

  #send(data: Uint8Array): void {
    this.#socket.write(data);
  }

  /** @throws HandshakeError, or an Error when the connection ends meanwhile */
  async dial(self: Identity, target: string, secret: Uint8Array): Promise<{ verdict: Verdict; peer: Identity; keys: LinkKeys }> {
    const mine = sayHello(self, target, randomBytes(NONCE_BYTES));
    this.#send(mine);
    const theirs = await this.#take(HELLO_BYTES);
    const peer = readHello(theirs, self);
    if (peer.endpoint !== target) throw new HandshakeError(`at ${target} there is ${peer.endpoint}`);
    const acquaintance = new Acquaintance(secret, mine, theirs);
    this.#send(acquaintance.prove('dialer'));
    const verdict = acquaintance.check('acceptor', await this.#take(PROOF_BYTES));
    return { verdict, peer, keys: acquaintance.keys('dialer') };
  }

  /** @param judge says what becomes of a process that has proved to be of the cluster */
  async accept(
    self: Identity,
    secret: Uint8Array,
    judge: (peer: Identity) => Verdict,
  ): Promise<{ verdict: Verdict; peer: Identity; keys: LinkKeys }> {
    const theirs = await this.#take(HELLO_BYTES);
    const peer = readHello(theirs, self);
    const mine = sayHello(self, peer.endpoint, randomBytes(NONCE_BYTES));
    this.#send(mine);
    const acquaintance = new Acquaintance(secret, theirs, mine);
    if (acquaintance.check('dialer', await this.#take(PROOF_BYTES)) !== VERDICT.welcome)
      throw new HandshakeError('the other end changed its mind');
    const verdict = judge(peer);
    this.#send(acquaintance.prove('acceptor', verdict));
    return { verdict, peer, keys: acquaintance.keys('acceptor') };
  }

  /** The descriptor as a stream for the firmware. Call it after the handshake, when all of that was written; what came behind it goes to `early`. */
  stream(early: (data: Uint8Array) => void): WasiStream {
    if (this.#failure !== undefined) throw this.#failure;
    const handle = handleOf(this.#socket);
    handle.readStop();
    this.#onData = early;
    const rest = Buffer.concat(this.#received);
    this.#received = [];
    if (rest.length > 0) early(rest);
    return streamOver(handle.fd);
  }

  /** Resolves when everything that was written is with the system. */
  async flushed(): Promise<void> {
    if (this.#socket.writableLength === 0) return;
    await new Promise<void>((resolve, reject) => this.#socket.write(new Uint8Array(), (error) => (error ? reject(error) : resolve())));
  }

  /** The event loop reads for the firmware, which sleeps. */
  watch(): void {
    handleOf(this.#socket).readStart();
  }

  /** The firmware reads by itself again. */
  unwatch(): void {
    handleOf(this.#socket).readStop();
  }

  get ended(): boolean {
    return this.#failure !== undefined || this.#socket.destroyed;
  }

  close(): void {
    this.#onData ??= () => undefined;
    this.#failure ??= new Error('it took too long, or was closed here');
    this.#more?.();
    this.#socket.destroy();
  }
}
