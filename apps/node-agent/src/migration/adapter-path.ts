/**
 * Pages by RDMA (Huang, Gao, Liu, Panda, "High performance virtual machine migration with RDMA over modern interconnects", Cluster 2007): the source's
 * adapter writes them from the copy of what was sent, which it needs anyway to find out what was written since, into the memory of the domain that
 * waits for them. Nobody at the target does anything for it; nothing is packed or copied in between.
 *
 *   source                                                   target
 *   rings | copy of the guest's memory   == RDMA writes ==>  memory of the guest that comes
 *           region: may be read here                         region: may be written from afar, until all has arrived
 */
import { HostQueuePair, hostRingBytes, pairAddress, type FabricPort } from '@verbena/fabric';
import type { Cluster } from '@verbena/live-migration';
import { Refusal } from '../errors.ts';
import type { NodePort } from '../node-port.ts';
import { BadFrame, numberOf, withNumber, type Frame } from './frames.ts';
import type { PagePath } from './page-path.ts';

const wasmPage = 65_536;
/** What wasm32 can address. */
const mostPages = 65_536;
/** Completions are looked for so often before the thread rests in between. */
const spins = 64;

/** @throws {Refusal} where there is no adapter */
function adapterOf(port: NodePort): Pick<FabricPort, 'lid' | 'attachDomain'> {
  const { lid, attachDomain } = port;
  if (attachDomain === undefined) throw new Refusal('not-movable', 'this node has no adapter: memory travels over TCP only');
  return { lid, attachDomain: (options) => attachDomain.call(port, options) };
}

export interface AdapterPathOptions {
  readonly vmId: string;
  readonly port: NodePort;
  /** Of the VM, in bytes. */
  readonly memoryBytes: number;
  /** Sends a frame, and gives the answer. */
  readonly ask: (frame: Frame) => Promise<Frame>;
}

export class AdapterPath implements PagePath {
  readonly framed = 0;
  readonly #options: AdapterPathOptions;
  readonly #memory: WebAssembly.Memory;
  #pair: Promise<HostQueuePair> | undefined;
  #open: HostQueuePair | undefined;
  #region = { bytes: 0, lkey: 0, rkey: 0 };

  /** @throws {Refusal} when the VM cannot travel so */
  constructor(options: AdapterPathOptions) {
    this.#options = options;
    adapterOf(options.port);
    const rings = hostRingBytes / wasmPage;
    const maximum = rings + Math.ceil(options.memoryBytes / wasmPage);
    if (maximum > mostPages) throw new Refusal('not-movable', `VM ${options.vmId} has too much memory to travel by RDMA: use TCP`);
    this.#memory = new WebAssembly.Memory({ initial: rings, maximum, shared: true });
  }

  readonly keep = (bytes: number): Buffer => {
    const missing = Math.ceil((hostRingBytes + bytes - this.#memory.buffer.byteLength) / wasmPage);
    if (missing > 0) this.#memory.grow(missing);
    return Buffer.from(this.#memory.buffer, hostRingBytes, bytes);
  };

  async reach(bytes: number): Promise<void> {
    const pair = await (this.#pair ??= this.#connect());
    if (bytes <= this.#region.bytes) return;
    this.keep(bytes);
    const { payload } = await this.#options.ask({ kind: 'region', payload: withNumber(bytes) });
    const { lkey } = pair.register(hostRingBytes + bytes, 'read-here');
    this.#region = { bytes, lkey, rkey: numberOf(payload) };
  }

  async send({ offset, content }: Cluster): Promise<number> {
    const pair = this.#opened();
    const { lkey, rkey } = this.#region;
    const write = { from: hostRingBytes + offset, to: offset, bytes: content.length, lkey, rkey };
    for (let tries = 0; !pair.write(write); tries++) {
      pair.poll();
      await turn(tries);
    }
    return content.length;
  }

  async settle(): Promise<void> {
    const pair = this.#opened();
    for (let tries = 0; pair.outstanding > 0; tries++) {
      if (pair.poll() > 0) tries = 0;
      await turn(tries);
    }
  }

  close(): void {
    this.#open?.close();
  }

  #opened(): HostQueuePair {
    if (this.#open === undefined) throw new Error('no queue pair is connected yet');
    return this.#open;
  }

  async #connect(): Promise<HostQueuePair> {
    const { port, vmId, ask } = this.#options;
    const pair = new HostQueuePair(adapterOf(port), vmId, this.#memory, true);
    this.#open = pair;
    const { payload } = await ask({ kind: 'pair', payload: pairAddress.encode({ lid: pair.lid, qpn: pair.qpn }) });
    if (payload.length !== pairAddress.size) throw new BadFrame('the target has answered with something that is no queue pair');
    const { lid, qpn } = pairAddress.decode(payload);
    pair.connect(lid, qpn);
    return pair;
  }
}

const turn = (tries: number): Promise<void> => new Promise((resolve) => (tries < spins ? setImmediate(resolve) : setTimeout(resolve, 1)));

/** The target's end: the memory of a domain that waits, as long as something may still come. */
export class Landing {
  readonly #pair: HostQueuePair;

  /** @throws {BadFrame} when the source's queue pair is none. @throws {Refusal} where there is no adapter */
  constructor(port: NodePort, vmId: string, memory: WebAssembly.Memory, source: Uint8Array) {
    if (source.length !== pairAddress.size) throw new BadFrame('the source has sent something that is no queue pair');
    const { lid, qpn } = pairAddress.decode(source);
    this.#pair = new HostQueuePair(adapterOf(port), vmId, memory, false);
    try {
      this.#pair.connect(lid, qpn);
    } catch (cause) {
      this.#pair.close();
      throw new BadFrame(`there is no queue pair ${String(qpn)} at LID ${String(lid)}`, { cause });
    }
  }

  answer(): Uint8Array {
    return pairAddress.encode({ lid: this.#pair.lid, qpn: this.#pair.qpn });
  }

  /** Lets the source write into the first so many bytes. @returns the key that it needs */
  region(bytes: number): number {
    return this.#pair.register(bytes, 'written-from-afar').rkey;
  }

  /** From here on nothing is written from afar. Idempotent. */
  close(): void {
    this.#pair.close();
  }
}
