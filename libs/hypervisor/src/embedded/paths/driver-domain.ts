/**
 * A driver domain as the host sees it: a thread with a memory of its own, and the guests that are connected to it. When it dies another
 * thread takes its place and is connected to the same shared pages; guests of other driver domains never notice.
 */
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { VB_DATA_BASE } from '@verbena/guest-abi';
import type { DomainAttachment, PortBinding } from '../adapter-binding.ts';
import type { SpinPolicy } from '../spin-policy.ts';
import type { WorkerStart } from '../worker-protocol.ts';
import type { FromDriverDomain, ToDriverDomain } from './driver-domain-main.ts';
import { DoorbellPage } from './doorbell-page.ts';
import type { NetBackStart } from './ethernet/netback.ts';
import { NetworkPage } from './ethernet/network-page.ts';
import { grants } from './grants.ts';
import { field, sharedPageBytes, SharedPage } from './shared-ring.ts';

export interface DriverDomainOptions {
  readonly name: string;
  readonly spin: SpinPolicy;
  readonly workerUrl: URL;
  readonly execArgv: readonly string[];
  readonly onRestart: (reason: string) => void;
}

/** A guest at a driver domain. */
export interface Connection {
  readonly number: number;
  readonly page: SharedArrayBuffer;
  readonly driver: WebAssembly.Memory;
  /** What the driver domain did for the guest so far. */
  operations(): number;
  /** Ends the connection; afterwards the driver domain touches nothing of the guest. Never rejects. */
  close(): Promise<void>;
}

interface Guest {
  readonly grant: number;
  /** What the thread is to be told to serve it. */
  introduce(connection: number, page: SharedArrayBuffer): { readonly message: ToDriverDomain; readonly transfer: readonly MessagePort[] };
  /** The thread has died. */
  recover(): void;
  /** It is not served any more. */
  left(): void;
}

/** The network card of a guest, as its driver domain must know it. */
export interface NetworkCard extends Omit<NetBackStart, 'connection'> {
  readonly vmId: string;
}

const pageBytes = 65_536;
const defaultPartition = 0x7fff;
const memoryLimit = 256 * 1024 * 1024;
/** A driver domain that dies so often is not started again. */
const mostRestarts = 16;
/** How long a living thread may take to let go of a guest. */
const patienceMs = 2000;

export class DriverDomain {
  readonly name: string;
  readonly memory: WebAssembly.Memory;
  readonly #options: DriverDomainOptions;
  readonly #guests = new Map<number, Guest>();
  /** Guests that the thread is asked to let go of. */
  readonly #closing = new Map<number, PromiseWithResolvers<undefined>>();
  #uplink: DomainAttachment | undefined;
  readonly #doorbell: DoorbellPage;
  #next = 1;
  #worker: Worker | undefined;
  #control: MessagePort | undefined;
  #leaveCores: (() => void) | undefined;
  #restarts = 0;
  #closed = false;

  constructor(options: DriverDomainOptions) {
    this.name = options.name;
    this.#options = options;
    this.memory = new WebAssembly.Memory({ initial: VB_DATA_BASE / pageBytes + 1, maximum: memoryLimit / pageBytes, shared: true });
    this.#doorbell = new DoorbellPage(this.memory);
  }

  get guests(): number {
    return this.#guests.size;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** The number of the connection that it works for now, 0 for none. */
  get served(): number {
    return this.#doorbell.served;
  }

  /**
   * Connects a guest. Its completion queues get a place at the adapter of their own, in the guest's partition, before the guest enters it: who
   * knows the guest then knows its queues.
   */
  connect(port: PortBinding, attachment: DomainAttachment, pkey: number, vmId: string): Connection {
    const queues = port.attachDomain({ vmId: `${vmId} at ${this.name}`, memory: this.memory });
    queues.join(pkey);
    attachment.join(pkey);
    const page = new SharedArrayBuffer(sharedPageBytes);
    const shared = new SharedPage(page);
    const number = this.#admit({
      grant: grants.grant(vmId, this.name, page),
      introduce: (connection, mapped) => {
        const own = queues.workerInit();
        const init = { ...attachment.workerInit(), completions: { slot: own.slot, epoch: own.epoch, memory: this.memory } };
        const start = { connection, page: mapped, guest: init, own };
        return { message: { type: 'connect', start }, transfer: [init.port, own.port] };
      },
      recover: () => {
        attachment.recover();
        queues.recover();
      },
      left: () => {
        attachment.recover();
        attachment.reset();
        queues.detach();
      },
    });
    const operations = (): number => shared.load('doorbells') + shared.load('commands') + shared.load('completions');
    const close = (): Promise<void> => {
      shared.store('closed', 1);
      Atomics.notify(shared.words, field.tail);
      return this.#disconnect(number);
    };
    return { number, page, driver: this.memory, operations, close };
  }

  /** Plugs the network card of a guest into the bridge of this driver domain, with the uplink that it needs. */
  plug(port: PortBinding, card: NetworkCard): Connection {
    this.#uplink ??= this.#attachUplink(port);
    const { page, vmId } = card;
    const network = new NetworkPage(page);
    const guest = { lid: card.lid, pkey: card.pkey, guestMemory: card.guestMemory, control: card.control };
    const number = this.#admit({
      grant: grants.grant(vmId, this.name, page),
      introduce: (connection, mapped) => ({ message: { type: 'plug', start: { connection, page: mapped, ...guest } }, transfer: [] }),
      recover: () => undefined,
      left: () => undefined,
    });
    const operations = (): number => network.counted('framesSent') + network.counted('framesReceived');
    return { number, page, driver: this.memory, operations, close: () => this.#disconnect(number) };
  }

  /** Bridges are alone in the default partition, which no job has. */
  #attachUplink(port: PortBinding): DomainAttachment {
    const uplink = port.attachDomain({ vmId: `the uplink of ${this.name}`, memory: this.memory });
    uplink.join(defaultPartition);
    if (this.#worker !== undefined) this.#introduceUplink(uplink);
    return uplink;
  }

  #introduceUplink(uplink: DomainAttachment): void {
    const init = uplink.workerInit();
    this.#say({ type: 'uplink', init }, [init.port]);
  }

  #admit(guest: Guest): number {
    const number = this.#next++;
    this.#guests.set(number, guest);
    this.#leaveCores ??= this.#options.spin.enter(this.memory);
    if (this.#worker === undefined) this.#start();
    else this.#introduce(number);
    return number;
  }

  #start(): void {
    const { port1, port2 } = new MessageChannel();
    port1.unref();
    this.#control = port1;
    const start: WorkerStart = { driverDomain: { memory: this.memory, memoryLimit, control: port2 } };
    const worker = new Worker(this.#options.workerUrl, {
      workerData: start,
      transferList: [port2],
      execArgv: [...this.#options.execArgv],
      env: {},
    });
    this.#worker = worker;
    worker.on('message', (message: FromDriverDomain) => {
      if (message.type === 'disconnected') this.#closing.get(message.connection)?.resolve(undefined);
      if (message.type === 'uplinked') this.#uplink?.serveGeneral(message.qpn);
    });
    let reason = '';
    worker.on('error', (error) => (reason = error instanceof Error ? error.message : String(error)));
    worker.on('exit', () => {
      if (this.#worker === worker) this.#died(reason);
    });
    if (this.#uplink !== undefined) this.#introduceUplink(this.#uplink);
    for (const number of this.#guests.keys()) {
      this.#introduce(number);
      if (this.#closing.has(number)) this.#say({ type: 'disconnect', connection: number });
    }
  }

  #introduce(number: number): void {
    const guest = this.#guests.get(number);
    if (guest === undefined) return;
    const { message, transfer } = guest.introduce(number, grants.map(guest.grant, this.name));
    this.#say(message, transfer);
  }

  #say(message: ToDriverDomain, transfer: readonly MessagePort[] = []): void {
    this.#control?.postMessage(message, transfer);
    this.#doorbell.notify();
  }

  /**
   * What the dead thread held at the adapter is let go; its guests find its successor at the same pages. A guest that was about to leave is asked of the
   * successor: what it rang last may still stand in its ring.
   */
  #died(reason: string): void {
    this.#worker = undefined;
    this.#control = undefined;
    this.#doorbell.fallAsleep(false);
    for (const guest of this.#guests.values()) guest.recover();
    this.#uplink?.recover();
    this.#uplink?.reset();
    if (!this.#closed) {
      this.#options.onRestart(reason);
      if (this.#restarts++ < mostRestarts && this.#guests.size > 0) return this.#start();
    }
    for (const closing of this.#closing.values()) closing.resolve(undefined);
  }

  async #disconnect(number: number): Promise<void> {
    const guest = this.#guests.get(number);
    if (guest === undefined) return;
    if (this.#worker !== undefined) {
      const closing = Promise.withResolvers<undefined>();
      this.#closing.set(number, closing);
      this.#say({ type: 'disconnect', connection: number });
      const timer = setInterval(() => void this.#worker?.terminate(), patienceMs);
      await closing.promise;
      clearInterval(timer);
      this.#closing.delete(number);
    }
    this.#guests.delete(number);
    grants.revoke(guest.grant);
    guest.left();
    if (this.#guests.size > 0) return;
    this.#leaveCores?.();
    this.#leaveCores = undefined;
  }

  /** Dies at once, as by a fault in its driver; it is started again. */
  crash(): void {
    this.#say({ type: 'crash' });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }
}
