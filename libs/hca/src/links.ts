/** Links to other processes: control path. Their data path is firmware/link.h and firmware/wire.h. */
import type { AdapterMemory, DomainRow } from './adapter-memory.ts';
import { VBF_LINKS, VBF_LINK_DOWN, VBF_LINK_FREE, VBF_RING_ADDR, VBF_RING_STRIDE } from './layout.ts';

const PAGE = 65_536;

/** Takes a link, and memory for its rings. Throws an Error when all are taken. */
export function addLink(memory: AdapterMemory): number {
  const number = memory.header.get('link_high');
  if (number >= VBF_LINKS) throw new Error(`an adapter has links to at most ${VBF_LINKS} other processes`);
  const needed = VBF_RING_ADDR + (number + 1) * VBF_RING_STRIDE;
  const missing = needed - memory.memory.buffer.byteLength;
  if (missing > 0) memory.memory.grow(Math.ceil(missing / PAGE));
  const row = memory.link(number);
  if (row.get('state') !== VBF_LINK_FREE) throw new Error(`link ${number} of the adapter is in use: this is a fault of the adapter`);
  row.set({ tx_pad: 1, down_since: memory.header.get('now_ms') });
  row.publish('state', VBF_LINK_DOWN);
  memory.header.publish('link_high', number + 1);
  return number;
}

/** A queue pair goes there: the link's worker opens it if it is not open. */
export function wantLink(memory: AdapterMemory, domain: DomainRow, number: number): void {
  domain.set({ links: domain.get('links') | (1n << BigInt(number)) });
  memory.link(number).publish('wanted', 1);
  ringBell(memory);
}

/** Tells the link worker that there is something to do. */
export function ringBell(memory: AdapterMemory): void {
  memory.header.add('bell', 1);
  Atomics.notify(memory.words, memory.header.wordOf('bell'));
}
