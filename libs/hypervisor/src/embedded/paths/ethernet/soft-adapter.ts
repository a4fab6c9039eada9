/** The host's side of a guest's soft adapter: its memory, the timer that its requests wait by, and what it has counted. */
import { MessageChannel } from 'node:worker_threads';
import { HostAdapter, type AdapterCounters, type AdapterWorkerInit, type FirmwareModules, type WireInit } from '@verbena/hca';
import { raiseEvent } from './netback.ts';
import { NetworkPage } from './network-page.ts';

/** As often as the host's own adapter is told the time, or nearly. */
const tickMs = 20;

export interface SoftAdapterOptions {
  readonly firmware: FirmwareModules;
  readonly lid: number;
  readonly guid: bigint;
  readonly pkey: number;
  readonly guestMemory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly page: SharedArrayBuffer;
}

export interface SoftAdapter {
  readonly adapter: AdapterWorkerInit;
  readonly wire: WireInit;
  readonly links: readonly number[];
  counters(): AdapterCounters;
  close(): void;
}

export function createSoftAdapter(options: SoftAdapterOptions): SoftAdapter {
  const { firmware, lid, guid, pkey, guestMemory, control } = options;
  const host = new HostAdapter(firmware);
  const page = new NetworkPage(options.page);
  const domain = host.addDomain(guestMemory, lid, guid);
  host.setPartition(domain.slot, pkey);
  const thread = host.addThread(domain);
  // Nobody is ever introduced to a domain that is alone at its adapter; the port is there because an adapter has one.
  const { port1, port2 } = new MessageChannel();
  port1.unref();
  const timer = setInterval(() => {
    host.tick(performance.now());
    if (page.load('wantsTime') === 1) raiseEvent(guestMemory, control);
  }, tickMs);
  timer.unref();
  return {
    adapter: {
      ...{ firmware, adapterMemory: host.memory.memory, slot: domain.slot, epoch: domain.epoch, thread, guestMemory },
      ...{ peers: [], port: port2 },
    },
    wire: { ...host.wireInit(), peers: [domain] },
    // With a link there the guest knows that it has to ask for what comes.
    links: [host.addLink()],
    counters: () => host.counters(domain.slot, [thread]),
    close: () => {
      clearInterval(timer);
      port1.close();
    },
  };
}
