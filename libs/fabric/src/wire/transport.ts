/** The links of a process as its main thread sees them. */
import { randomBytes } from 'node:crypto';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { HostAdapter, PeerMemory } from '@verbena/hca';
import type { FabricOptions, PeerPort, Route } from '../types.ts';
import { ENDPOINT_BYTES, LEAST_SECRET_BYTES } from './handshake.ts';
import { parseEndpoint } from './endpoint.ts';
import type { FromWorker, ToWorker, WorkerStart } from './messages.ts';

export class WireTransport {
  readonly endpoint: string;
  readonly #adapter: HostAdapter;
  readonly #port: MessagePort;
  readonly #worker: Worker;
  readonly #links = new Map<string, number>();
  /** Where each LID of another process is reached. */
  readonly #endpoints = new Map<number, string>();
  /** Links to processes that are gone. */
  readonly #free: number[] = [];

  private constructor(adapter: HostAdapter, worker: Worker, port: MessagePort, endpoint: string) {
    this.#adapter = adapter;
    this.#worker = worker;
    this.#port = port;
    this.endpoint = endpoint;
  }

  /** Resolves when the process can be reached. @throws Error when the options make no sense or nobody can listen there */
  static async open(adapter: HostAdapter, options: FabricOptions): Promise<WireTransport> {
    check(options);
    const { port1, port2 } = new MessageChannel();
    const start: WorkerStart = {
      wire: adapter.wireInit(),
      listen: options.listen,
      advertise: options.advertise,
      secret: new TextEncoder().encode(options.secret),
      incarnation: randomBytes(8).readBigUInt64LE(),
      port: port2,
    };
    const worker = new Worker(options.workerUrl ?? new URL('./link-worker.ts', import.meta.url), {
      workerData: start,
      transferList: [port2],
      execArgv: [...(options.execArgv ?? ['--conditions=verbena-source', '--disable-warning=ExperimentalWarning'])],
      env: {},
      stdin: false,
    });
    const endpoint = await new Promise<string>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the link worker ended before it could listen')));
      port1.on('message', (message: FromWorker) => {
        if (message.kind === 'listening') resolve(message.endpoint);
        else if (message.kind === 'failed') reject(new Error(message.reason));
        else options.onEvent?.(message);
      });
    });
    port1.unref();
    worker.unref();
    return new WireTransport(adapter, worker, port1, endpoint);
  }

  #tell(message: ToWorker): void {
    this.#port.postMessage(message);
  }

  learn(peer: PeerMemory): void {
    this.#tell({ kind: 'learn', peer });
  }

  forget({ slot, epoch }: PeerMemory): void {
    this.#tell({ kind: 'forget', slot, epoch });
  }

  /** Sends what goes to the LIDs of other processes to them. */
  learnPeers(peers: readonly PeerPort[]): void {
    for (const { lid, endpoint } of peers) {
      const elsewhere = endpoint !== '' && endpoint !== this.endpoint;
      const before = this.#endpoints.get(lid);
      if (before !== undefined && before !== endpoint) this.#leave(lid, before);
      if (elsewhere) this.#endpoints.set(lid, endpoint);
      this.#adapter.route(lid, elsewhere ? this.#linkTo(endpoint) : undefined);
    }
  }

  /** A LID is reached at another endpoint than before: its process was started anew. The last one there leaves a link that is of no use. */
  #leave(lid: number, endpoint: string): void {
    this.#endpoints.delete(lid);
    const link = this.#links.get(endpoint);
    if (link === undefined || [...this.#endpoints.values()].includes(endpoint)) return;
    this.#links.delete(endpoint);
    this.#free.push(link);
    this.#tell({ kind: 'part', endpoint });
  }

  #linkTo(endpoint: string): number {
    const known = this.#links.get(endpoint);
    if (known !== undefined) return known;
    parseEndpoint(endpoint);
    const link = this.#free.shift() ?? this.#adapter.addLink();
    this.#links.set(endpoint, link);
    this.#tell({ kind: 'peer', link, endpoint });
    return link;
  }

  /** LIDs of other processes, and whether their links are up. */
  routes(): Route[] {
    return [...this.#endpoints].map(([lid, endpoint]) => {
      const link = this.#links.get(endpoint);
      return { lid, endpoint, up: link !== undefined && this.#adapter.isLinkUp(link) };
    });
  }

  close(): void {
    this.#tell({ kind: 'close' });
    this.#port.close();
    setTimeout(() => void this.#worker.terminate(), 1_000).unref();
  }
}

function check({ listen, advertise, secret }: FabricOptions): void {
  const { host } = parseEndpoint(listen);
  if (advertise === undefined && ['0.0.0.0', '::'].includes(host))
    throw new Error(`a fabric that listens on ${host} needs an address to advertise, which others can reach`);
  if (advertise !== undefined) parseEndpoint(advertise);
  if ((advertise ?? listen).length >= ENDPOINT_BYTES) throw new Error(`an endpoint has at most ${ENDPOINT_BYTES - 1} characters`);
  if (new TextEncoder().encode(secret).length < LEAST_SECRET_BYTES)
    throw new Error(`the secret of the fabric has at least ${LEAST_SECRET_BYTES} bytes: take a random one`);
}
