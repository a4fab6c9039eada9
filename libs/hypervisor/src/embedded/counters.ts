import type { DomainCounters } from '../port.ts';
import type { AdapterCounters } from './adapter-binding.ts';
import { fixedCounters, type ControlBlock } from './control-block.ts';
import { doorbellCall, hypercalls, hypercallSlots, notifyCall, unknownHypercall } from './hypercalls/table.ts';
import { wasiNames } from './wasi/names.ts';

/** Names of the calls into the VMM by the slot of their counter; WASI calls carry the prefix "wasi.". */
const callNames: readonly string[] = [
  ...hypercalls.map(({ name }) => name),
  unknownHypercall.name,
  doorbellCall.name,
  notifyCall.name,
  ...wasiNames.map((name) => `wasi.${name}`),
];
if (callNames.length !== hypercallSlots + wasiNames.length) throw new Error('every call into the VMM has one counter');

/** The name of a call into the VMM by the slot of its counter. */
export const callName = (slot: number): string => callNames[slot] ?? unknownHypercall.name;

/** The counters of the program that runs, or ran last. Calls that were never made are left out. */
export function collectCounters(
  control: ControlBlock,
  adapter: AdapterCounters,
  memoryBytes: number,
  path: {
    readonly driverOperations: number;
    readonly channel: { readonly messages: number; readonly bytes: number };
    readonly network: { readonly frames: number; readonly bytes: number };
    readonly seconds: Readonly<Record<string, number>>;
  },
): DomainCounters {
  const made = callNames.map((name, slot) => [name, control.call(slot)] as const).filter(([, count]) => count > 0);
  return {
    hypercalls: Object.fromEntries(made),
    vmmOperations: control.counter('vmmOperations'),
    dataPathVmmOperations: control.counter('dataPathVmmOperations'),
    doorbells: adapter.doorbells,
    messagesSent: adapter.messagesSent,
    bytesSent: adapter.bytesSent,
    messagesReceived: adapter.messagesReceived,
    bytesReceived: adapter.bytesReceived,
    memoryBytes,
    cpuSeconds: control.counter('cpuSeconds'),
    outputBytes: control.counter('outputBytes'),
    driverDomainOperations: path.driverOperations,
    copiedBytes: copied(adapter.bytesSent, path),
    channelMessages: path.channel.messages,
    channelBytes: path.channel.bytes,
    networkFrames: path.network.frames,
    networkBytes: path.network.bytes,
    seconds: path.seconds,
  };
}

/** Into a segment and the card, through the bridge, out of the card and the stream; the soft adapters at both ends copy besides. */
const copiesOfFrame = 5;

function copied(sent: number, { channel, network }: { channel: { readonly bytes: number }; network: { readonly bytes: number } }): number {
  return network.bytes === 0 ? sent + channel.bytes : 2 * sent + copiesOfFrame * network.bytes;
}

export const sumOfTraffic = (a: AdapterCounters, b: AdapterCounters): AdapterCounters => ({
  doorbells: a.doorbells + b.doorbells,
  messagesSent: a.messagesSent + b.messagesSent,
  bytesSent: a.bytesSent + b.bytesSent,
  messagesReceived: a.messagesReceived + b.messagesReceived,
  bytesReceived: a.bytesReceived + b.bytesReceived,
});

/** The control block's counters by name, for a program that is suspended. */
export function keepCounters(control: ControlBlock): Record<string, number> {
  const calls = callNames.map((name, slot) => [name, control.call(slot)] as const);
  const fixed = fixedCounters.map((name) => [name, control.counter(name)] as const);
  return Object.fromEntries([...calls, ...fixed].filter(([, count]) => count > 0));
}

/** Counters that this version does not have are dropped. */
export function restoreCounters(control: ControlBlock, kept: Readonly<Record<string, number>>): void {
  const count = (name: string): number => (Object.hasOwn(kept, name) && Number.isFinite(kept[name]) ? Math.max(0, kept[name] ?? 0) : 0);
  callNames.forEach((name, slot) => {
    control.setCall(slot, count(name));
  });
  for (const name of fixedCounters) control.setCounter(name, count(name));
}
