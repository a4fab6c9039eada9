/**
 * The adapters of a process as its main thread sees them: domains come and go, threads get contexts and may die, timers tick.
 * It belongs to no domain itself, so it can ring no doorbell.
 */
import { VB_EVENT_DEVICE_FATAL, VB_EVENT_PKEY_CHANGE } from '@verbena/guest-abi';
import { AdapterMemory, RETIRED, type DomainRow } from './adapter-memory.ts';
import { releaseCommandLock, withCommandLock } from './command-lock.ts';
import { dropCq, retireCq } from './completion-queues.ts';
import { FirmwareInstance } from './firmware-instance.ts';
import { countsOfDomain, keepCounts } from './counters.ts';
import { VBF_CQ_FREE, VBF_DOMAINS, VBF_LINK_UP, VBF_PKEYS, VBF_THREADS } from './layout.ts';
import { dropMr } from './memory-regions.ts';
import { addLink } from './links.ts';
import { tableEntry } from './partition-keys.ts';
import { announcePorts, portWith, setPkey, setPort, type PortSettings } from './management.ts';
import { leaveAll } from './multicast.ts';
import { openPort } from './ports.ts';
import { setShare, shapeAll, type DomainShare } from './shaping.ts';
import { heldLocks, peerOf, queuePairsOf } from './queue-pairs-in-use.ts';
import { dropQp } from './queue-pairs.ts';
import type { AdapterCounters, DomainErrors, FirmwareModules, PeerMemory } from './types.ts';
import type { WireInit } from './wire-engine.ts';

const MAIN_THREAD = 0;
const NO_DOMAIN = VBF_DOMAINS;

export class HostAdapter {
  readonly memory: AdapterMemory;
  readonly firmware: FirmwareModules;
  readonly #nothing = new WebAssembly.Memory({ initial: 0, maximum: 1, shared: true });
  readonly #main: FirmwareInstance;

  constructor(firmware: FirmwareModules) {
    this.firmware = firmware;
    this.memory = AdapterMemory.create();
    this.#main = new FirmwareInstance(firmware, this.memory, MAIN_THREAD, NO_DOMAIN, this.#nothing);
    this.memory.thread(MAIN_THREAD).set({ state: 1, slot: NO_DOMAIN });
    this.memory.header.set({ qp_high: 1, cq_high: 1, mr_high: 1, pd_high: 1, srq_high: 1, thread_high: 1 });
  }

  /** Gives a domain a slot. Throws an Error when all slots are taken. */
  addDomain(memory: WebAssembly.Memory, lid: number, guid: bigint): PeerMemory {
    if (!(memory.buffer instanceof SharedArrayBuffer)) throw new TypeError('a domain at the adapter needs a shared WebAssembly.Memory');
    return this.#locked(() => {
      for (let slot = 0; slot < VBF_DOMAINS; slot++) {
        const row = this.memory.domain(slot);
        const old = row.get('epoch');
        if (old % 2 === 1) continue;
        row.clear({ lid, port_guid: guid, weight: 1, port: openPort(this.memory, lid, guid) + 1 });
        const peer = { slot, epoch: (old + 1) >>> 0, memory };
        row.publish('epoch', peer.epoch);
        shapeAll(this.memory);
        this.#main.learn(peer);
        return peer;
      }
      throw new Error(`all ${VBF_DOMAINS} domain slots of the adapter are taken: detach domains that have ended`);
    });
  }

  /** Puts the domain into a partition, as its only one; 0: into none. Queue pairs that it has keep theirs. */
  setPartition(slot: number, pkey: number, limited = false): void {
    const entry = tableEntry(slot, pkey, limited);
    const pkeys = Array.from({ length: VBF_PKEYS }, (_, i) => (i === 0 ? entry : 0));
    this.memory.domain(slot).set({ pkey: entry, pkeys });
  }

  /** Sets an entry of a domain's P_Key table: a partition, and 0x8000 for a full member. */
  setPkey(slot: number, index: number, pkey: number): void {
    setPkey(this.memory, slot, index, pkey);
  }

  /** The P_Key table of a domain as the standard has it: 0 where there is none, the 16th bit for full membership. */
  pkeys(slot: number): number[] {
    return this.memory
      .domain(slot)
      .get('pkeys')
      .map((entry) => entry & 0xffff);
  }

  /** VB_PORT_* of the port with this LID, or undefined when nobody has used it yet. */
  portState(lid: number): number | undefined {
    return portWith(this.memory, lid)?.load('state');
  }

  /** Whether a link to another process is open. */
  isLinkUp(link: number): boolean {
    return this.memory.link(link).load('state') === VBF_LINK_UP;
  }

  /** Manages a port from outside the subnet. Throws an Error when no port has the LID. */
  setPort(lid: number, settings: PortSettings): void {
    const port = portWith(this.memory, lid);
    if (port === undefined) throw new Error(`no port of this process has LID ${lid}`);
    setPort(this.memory, port, settings, (qpn) => this.#main.core.qp_opened(qpn));
  }

  /** What a domain gets of its port when the port has a rate, and its own limit. Throws a RangeError for what cannot be. */
  setShare(slot: number, share: DomainShare): void {
    setShare(this.memory, slot, share);
  }

  share(slot: number): Required<DomainShare> {
    const row = this.memory.domain(slot);
    return { weight: row.get('weight'), rate: row.get('rate') };
  }

  /** Who gets the datagrams to QP 1 of a port: a queue pair of this process, or 0 for nobody. Throws an Error when no port has the LID. */
  setGeneralServices(lid: number, qpn: number): void {
    const port = portWith(this.memory, lid);
    if (port === undefined) throw new Error(`no port of this process has LID ${lid}`);
    port.publish('general_qpn', qpn);
  }

  /** Whether guests may manage the subnet by packets (R48). They may not unless this was called. */
  allowInBandManagement(allowed: boolean): void {
    this.memory.header.publish('in_band', allowed ? 1 : 0);
  }

  /** A context for a thread of the domain. Throws an Error when there is none left. */
  addThread(domain: PeerMemory): number {
    return this.#locked(() => {
      for (let number = 1; number < VBF_THREADS; number++) {
        const row = this.memory.thread(number);
        if (row.get('state') !== 0) continue;
        row.clear({ slot: domain.slot, epoch: domain.epoch });
        row.publish('state', 1);
        this.memory.header.set({ thread_high: Math.max(this.memory.header.get('thread_high'), number + 1) });
        return number;
      }
      throw new Error(`all ${VBF_THREADS} thread contexts of the adapter are taken: recover or detach domains that have ended`);
    });
  }

  /** Finishes what dead threads began, and frees their contexts. */
  recoverThreads(domain: PeerMemory, threads: Iterable<number>): void {
    for (const number of threads) {
      const row = this.memory.thread(number);
      if (row.get('state') === 0 || row.get('epoch') !== domain.epoch || row.get('slot') !== domain.slot) continue;
      releaseCommandLock(this.memory, number);
      this.#main.core.recover(number);
      const counters = this.memory.domain(domain.slot);
      counters.set({ doorbells: counters.get('doorbells') + row.get('doorbells') });
      row.publish('state', 0);
    }
  }

  /**
   * Takes the adapter from a domain while it runs: its queue pairs and those connected to them go to the error state and are flushed, it is told (VB_EVENT_DEVICE_FATAL), and
   * its commands find no device until `plug`.
   */
  unplug(slot: number): void {
    const row = this.memory.domain(slot);
    const failed = this.#locked(() => {
      row.publish('unplugged', 1);
      leaveAll(this.memory, slot);
      return queuePairsOf(this.memory, slot).flatMap((qp) => {
        if (qp.get('link') !== 0) this.#main.core.qp_gone(qp.get('qpn'));
        const peer = peerOf(this.memory, qp);
        return peer === undefined ? [qp.get('qpn')] : [qp.get('qpn'), peer.get('qpn')];
      });
    });
    for (const qpn of failed) this.#main.core.qp_error(qpn);
    this.#main.core.event(slot, VB_EVENT_DEVICE_FATAL, 0);
  }

  /** Tells a domain that its P_Key table has changed. */
  announcePkeys(slot: number): void {
    this.#main.core.event(slot, VB_EVENT_PKEY_CHANGE, 1);
  }

  /** Gives it an adapter again, an empty one: what it had made is gone. */
  plug(slot: number): void {
    this.resetDomain(slot);
    this.memory.domain(slot).publish('unplugged', 0);
  }

  /** Destroys everything that the domain created. The queue pairs connected to its own go to the error state. */
  resetDomain(slot: number): void {
    const row = this.memory.domain(slot);
    const failed = this.#locked(() => {
      leaveAll(this.memory, slot);
      const peers = this.#dropQueuePairs(slot, row);
      this.#dropTables(slot);
      row.set({ qps: 0, cqs: 0, mrs: 0, pds: 0, srqs: 0, links: 0n, event_cq: 0 });
      return peers;
    });
    for (const qpn of failed) this.#main.core.qp_error(qpn);
  }

  #dropQueuePairs(slot: number, domain: DomainRow): number[] {
    const peers: number[] = [];
    for (const qp of queuePairsOf(this.memory, slot)) {
      const peer = peerOf(this.memory, qp);
      if (peer !== undefined && peer.get('slot') !== slot) peers.push(peer.get('qpn'));
      if (qp.get('link') !== 0) this.#main.core.qp_gone(qp.get('qpn'));
      dropQp({ memory: this.memory, firmware: this.#main, domain }, qp);
    }
    return peers;
  }

  #dropTables(slot: number): void {
    const { header } = this.memory;
    for (let i = 1; i < header.get('mr_high'); i++) {
      const mr = this.memory.mr(i);
      if (mr.load('key') !== 0 && mr.get('slot') === slot) dropMr(mr);
    }
    for (let i = 1; i < header.get('srq_high'); i++) {
      const srq = this.memory.srq(i);
      if (srq.get('srqn') !== 0 && srq.get('slot') === slot) srq.publish('srqn', srq.load('users') === 0 ? 0 : RETIRED | 0);
    }
    for (let i = 1; i < header.get('cq_high'); i++) {
      const cq = this.memory.cq(i);
      if (cq.load('state') === VBF_CQ_FREE || cq.get('slot') !== slot) continue;
      if (cq.load('users') === 0) dropCq(cq);
      else retireCq(cq);
    }
    for (let i = 1; i < header.get('pd_high'); i++) {
      const pd = this.memory.pd(i);
      if (pd.get('handle') !== 0 && pd.get('slot') === slot) pd.set({ handle: 0 });
    }
  }

  /** A link to another process, down until a wire engine opens it. Throws an Error when there are too many. */
  addLink(): number {
    return this.#locked(() => addLink(this.memory));
  }

  /** Sends what goes to a LID over a link; undefined: nowhere. LIDs of this process need no route. */
  route(lid: number, link: number | undefined): void {
    this.memory.setRoute(lid, link === undefined ? 0 : link + 1);
  }

  /** What the thread of a wire engine needs. It learns the memories of domains from `learn`. */
  wireInit(): WireInit {
    const thread = this.addThread({ slot: NO_DOMAIN, epoch: 0, memory: this.#nothing });
    return { firmware: this.firmware, adapterMemory: this.memory.memory, thread, peers: [] };
  }

  removeDomain(domain: PeerMemory): void {
    this.resetDomain(domain.slot);
    const row = this.memory.domain(domain.slot);
    keepCounts(row, this.memory.port(row.get('port') - 1));
    this.#main.forget(domain.slot, domain.epoch);
    this.memory.domain(domain.slot).publish('epoch', (domain.epoch + 1) >>> 0);
  }

  /** What the firmware counted, with that of queue pairs and threads which are gone. */
  counters(slot: number, threads: Iterable<number>): AdapterCounters & DomainErrors {
    const row = this.memory.domain(slot);
    let doorbells = row.get('doorbells');
    for (const number of threads) doorbells += this.memory.thread(number).get('doorbells');
    const sum = countsOfDomain(this.memory, slot);
    return {
      doorbells: Number(doorbells),
      messagesSent: Number(sum.tx_messages),
      bytesSent: Number(sum.tx_bytes),
      messagesReceived: Number(sum.rx_messages),
      bytesReceived: Number(sum.rx_bytes),
      packetsSent: Number(sum.tx_messages + sum.tx_packets),
      packetsReceived: Number(sum.rx_messages + sum.rx_packets),
      rxErrors: Number(sum.rx_errors),
      txWaits: Number(sum.tx_waits),
      txDrops: Number(sum.tx_drops),
      rxDrops: Number(sum.rx_drops),
    };
  }

  /** Whether one of these threads carries out a doorbell now. */
  busy(threads: Iterable<number>): boolean {
    for (const number of threads) if (this.memory.thread(number).load('busy') !== 0) return true;
    return false;
  }

  /** Queue pairs, completion queues, regions and protection domains that the domain has now. */
  resources(slot: number): number {
    const row = this.memory.domain(slot);
    return row.get('qps') + row.get('cqs') + row.get('mrs') + row.get('pds');
  }

  /** How many locks of the data path are held now. Zero when no guest runs: anything else is a lock that a dead thread left. */
  heldLocks(): number {
    return heldLocks(this.memory);
  }

  tick(nowMs: number): void {
    announcePorts(this.memory, this.#main);
    this.#main.core.tick(Math.floor(nowMs) >>> 0);
  }

  #locked<T>(action: () => T): T {
    return withCommandLock(this.memory, MAIN_THREAD, action);
  }
}
