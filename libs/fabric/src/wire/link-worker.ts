/**
 * The link worker: one thread for all links of a process, apart from the main thread, so that the control plane's work delays no frame.
 *
 *   spin (the firmware polls rings and sockets) --nothing for a while--> nap (look again each 0.1 ms) --> doze (wait in the event loop)
 *     ^   | guests poll                                                        |                            | bell, data
 *     |   v                                                                    |                            |
 *     +- watch (look each 2 ms whether they still do)                           |                            |
 *     +------------------------------------------------------------------------+----------------------------+
 */
import { createServer, type Server, type Socket } from 'node:net';
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Retired, WIRE_BROKEN, WIRE_BUSY, WIRE_LEARN, WireEngine, type PeerMemory } from '@verbena/hca';
import { Connection } from './connection.ts';
import { formatEndpoint, parseEndpoint } from './endpoint.ts';
import { VERDICT } from './handshake.ts';
import { HANDSHAKE_MS, Keeper, type KeeperContext } from './keeper.ts';
import type { FromWorker, ToWorker, WorkerStart } from './messages.ts';

/** One call into the firmware: some tens of microseconds when nothing is to do. */
const TURNS = 64;
/** After so long the event loop gets its turn. */
const SLICE_MS = 1;
const SPIN_MS = 0.1;
const NAPS_MS = 5;
const NAP_MS = 0.1;
/** A ring waits for room in a socket, which nobody tells about. */
const BACKLOG_NAP_MS = 1;
const WATCH_MS = 2;
const LOOK_MS = 500;
const MOST_STRANGERS = 32;

class LinkWorker {
  readonly #start: WorkerStart;
  readonly #engine: WireEngine;
  readonly #keepers = new Map<string, Keeper>();
  readonly #strangers = new Set<Connection>();
  readonly #server: Server;
  readonly #look: NodeJS.Timeout;
  #context: KeeperContext | undefined;
  #busyAt = 0;
  #dozing = false;
  #polls = 0;
  #rung = 0;
  readonly #known = new Map<number, PeerMemory>();
  readonly #retired = new Retired();
  #closed = false;

  constructor(start: WorkerStart) {
    this.#start = start;
    this.#engine = new WireEngine(start.wire);
    start.port.on('message', (message: ToWorker) => {
      this.#hear(message);
      this.#kick();
    });
    this.#server = createServer((socket) => void this.#accept(socket));
    this.#look = setInterval(() => this.#keepers.forEach((keeper) => keeper.look()), LOOK_MS);
  }

  #tell(message: FromWorker): void {
    this.#start.port.postMessage(message);
  }

  listen(): void {
    const { listen, advertise, secret, incarnation } = this.#start;
    const { host, port } = parseEndpoint(listen);
    this.#server.on('error', (error) => this.#tell({ kind: 'failed', reason: `cannot listen on ${listen}: ${error.message}` }));
    this.#server.listen({ host, port }, () => {
      const address = this.#server.address();
      const own = typeof address === 'object' && address !== null ? address.port : port;
      const endpoint = advertise ?? formatEndpoint(host, own);
      this.#context = {
        engine: this.#engine,
        self: { endpoint, incarnation },
        secret,
        kick: () => this.#kick(),
        report: (peer, up, reason) => this.#tell({ kind: 'link', endpoint: peer, up, reason }),
      };
      this.#tell({ kind: 'listening', endpoint });
      void this.#run();
    });
  }

  #hear(message: ToWorker): void {
    if (message.kind === 'learn') this.#learn(message.peer);
    else if (message.kind === 'forget') this.#forget(message.slot, message.epoch);
    else if (message.kind === 'part') this.#part(message.endpoint);
    else if (message.kind === 'close') this.#close();
    else if (this.#context !== undefined && !this.#keepers.has(message.endpoint))
      this.#keepers.set(message.endpoint, new Keeper(this.#context, message.link, message.endpoint));
  }

  #learn(peer: PeerMemory): void {
    this.#known.set(peer.slot, peer);
    this.#engine.learn(peer);
  }

  /** This thread knew the memory: it is freed when it has collected garbage here, too. */
  #forget(slot: number, epoch: number): void {
    this.#engine.forget(slot, epoch);
    const peer = this.#known.get(slot);
    if (peer?.epoch !== epoch) return;
    this.#known.delete(slot);
    this.#retired.add(peer.memory.buffer.byteLength);
  }

  /** The process there is gone for good, and what was connected to it fails. */
  #part(endpoint: string): void {
    const keeper = this.#keepers.get(endpoint);
    if (keeper === undefined) return;
    this.#keepers.delete(endpoint);
    keeper.close();
    this.#engine.lose(keeper.link);
  }

  /** What the main thread has told and the event loop not yet brought. */
  #drain(): void {
    for (let next = receiveMessageOnPort(this.#start.port); next !== undefined; next = receiveMessageOnPort(this.#start.port))
      this.#hear(next.message as ToWorker);
  }

  async #accept(socket: Socket): Promise<void> {
    const connection = new Connection(socket);
    const context = this.#context;
    if (context === undefined || this.#closed || this.#strangers.size >= MOST_STRANGERS) return connection.close();
    this.#strangers.add(connection);
    const from = `${socket.remoteAddress ?? 'somewhere'}:${socket.remotePort ?? 0}`;
    const limit = setTimeout(() => connection.close(), HANDSHAKE_MS);
    try {
      const { verdict, peer, keys } = await connection.accept(context.self, context.secret, ({ endpoint }) => {
        this.#drain();
        return this.#keepers.get(endpoint)?.judge() ?? VERDICT.unknown;
      });
      const keeper = this.#keepers.get(peer.endpoint);
      if (verdict === VERDICT.welcome && keeper !== undefined) {
        this.#drain();
        await keeper.accepted(connection, peer, keys);
      } else {
        await connection.flushed();
        connection.close();
      }
    } catch (error) {
      connection.close();
      this.#tell({ kind: 'refused', from, reason: error instanceof Error ? error.message : String(error) });
    } finally {
      clearTimeout(limit);
      this.#strangers.delete(connection);
    }
  }

  #kick(): void {
    this.#busyAt = performance.now();
    if (!this.#dozing) return;
    this.#dozing = false;
    for (const keeper of this.#keepers.values()) keeper.unwatch();
    this.#engine.resume();
    this.#engine.wake();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      this.#drain();
      for (const keeper of this.#keepers.values()) keeper.tend();
      if (await this.#guestsPoll()) continue;
      if (this.#slice()) await new Promise((resolve) => setImmediate(resolve));
      else await this.#rest();
    }
  }

  /**
   * Guests that wait move their frames themselves. Then this thread would only take their cores. A guest that goes to sleep rings: since then, what it polled
   * before is no reason to leave the next frame to it.
   */
  async #guestsPoll(): Promise<boolean> {
    const { bell, guestPolls } = this.#engine;
    const poll = guestPolls !== this.#polls && bell === this.#rung;
    this.#polls = guestPolls;
    this.#rung = bell;
    if (!poll) return false;
    this.#busyAt = performance.now();
    this.#engine.nap(bell, WATCH_MS);
    if ((this.#engine.poll(1) & WIRE_BROKEN) !== 0) this.#mend();
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }

  /** Polls until the slice is over, or nothing has happened for a while: then false. */
  #slice(): boolean {
    const end = performance.now() + SLICE_MS;
    for (;;) {
      const bits = this.#engine.poll(TURNS);
      const now = performance.now();
      if ((bits & WIRE_BUSY) !== 0) this.#busyAt = now;
      if ((bits & WIRE_LEARN) !== 0) this.#drain();
      if ((bits & WIRE_BROKEN) !== 0) this.#mend();
      if (now >= end) return true;
      if (now - this.#busyAt > SPIN_MS) return false;
    }
  }

  #mend(): void {
    for (const keeper of this.#keepers.values()) {
      if (!keeper.up || this.#engine.isUp(keeper.link)) continue;
      const { fault, detail } = this.#engine.status(keeper.link);
      keeper.broken(FAULTS[fault]?.(detail) ?? `fault ${fault}`);
    }
  }

  /** Nothing to do: looks once more, then naps or dozes until there is. */
  async #rest(): Promise<void> {
    this.#engine.settle();
    const seen = this.#engine.bell;
    if ((this.#engine.poll(1) & WIRE_BUSY) !== 0) {
      this.#busyAt = performance.now();
      return;
    }
    const backlog = this.#engine.hasBacklog();
    if (backlog || performance.now() - this.#busyAt < NAPS_MS) {
      if (this.#engine.nap(seen, backlog ? BACKLOG_NAP_MS : NAP_MS)) this.#busyAt = performance.now();
      await new Promise((resolve) => setImmediate(resolve));
      return;
    }
    await this.#doze(seen);
  }

  async #doze(seen: number): Promise<void> {
    if (!this.#engine.doze()) return;
    this.#dozing = true;
    for (const keeper of this.#keepers.values()) keeper.watch();
    const rung = await this.#engine.sleep(seen, LOOK_MS);
    const { busyAt } = { busyAt: this.#busyAt };
    this.#kick();
    if (!rung) this.#busyAt = busyAt;
  }

  #close(): void {
    this.#closed = true;
    clearInterval(this.#look);
    for (const keeper of this.#keepers.values()) keeper.close();
    for (const stranger of this.#strangers) stranger.close();
    this.#server.close();
    this.#engine.wake();
    this.#start.port.close();
  }
}

/** By VBF_FAULT_*. */
const FAULTS: readonly (((detail: number) => string) | undefined)[] = [
  undefined,
  () => 'the other end has closed it',
  (detail) => `the system says error ${detail} (WASI)`,
  (detail) => `the other end sent a frame that cannot be (${detail})`,
  (detail) => `frame ${detail} was changed or forged`,
  (detail) => `the other end sent a frame from LID ${detail}, which is not its own`,
  () => 'it has been silent for too long',
  () => 'a thread was ended while it used it',
];

new LinkWorker(workerData as WorkerStart).listen();
