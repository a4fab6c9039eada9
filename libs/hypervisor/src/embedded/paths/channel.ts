/**
 * Channels between the guests of one host (R43, R44), on the thread of a vCPU. The guest's calls are functions of the channel firmware itself; what is done here is
 * set-up: one instance for each neighbour, with windows on both memories and the job's segment.
 */
import { cmdHandle, VB_CMD_OPEN_CHANNEL, VB_EINVAL, VB_ENODEV } from '@verbena/guest-abi';
import type { Adapter, AdapterWorkerInit } from '../adapter-binding.ts';

export interface ChannelCalls {
  /** What images imported that were built before each neighbour had a ring of its own: refused, so that they talk by the adapter. */
  readonly mailbox: Function;
  readonly ring: Function;
  readonly buffers: Function;
  readonly grant: Function;
  readonly share: Function;
  readonly arm: Function;
  readonly post: Function;
  readonly write: Function;
  readonly read: Function;
}

const refuse = (): number => VB_ENODEV;
/** For a guest without channels. */
export const noChannels: ChannelCalls = {
  ...{ mailbox: refuse, ring: refuse, buffers: refuse, grant: refuse, share: refuse, post: refuse, write: refuse, read: refuse },
  arm: () => undefined,
};

interface SwitchExports {
  readonly channels: WebAssembly.Table;
  readonly clear: (at: number) => void;
  readonly post: Function;
  readonly write: Function;
  readonly read: Function;
}

/** Calls by a table, in this order for each slot; one place is free. */
const calls = ['post', 'write', 'read'] as const;
const slots = 256;
const stride = 4;
const nothing = new Uint8Array();

export function openChannels(
  init: AdapterWorkerInit,
  segment: WebAssembly.Memory,
  adapter: Adapter,
): { adapter: Adapter; calls: ChannelCalls } {
  const { firmware, guestMemory, slot: me } = init;
  const hub = new WebAssembly.Instance(firmware.switch).exports as unknown as SwitchExports;
  for (let at = 0; at < stride * slots; at++) hub.clear(at);
  const windowTo = (slot: number, memory: WebAssembly.Memory): Readonly<Record<string, unknown>> =>
    new WebAssembly.Instance(firmware.channel, {
      own: { memory: guestMemory, slot: me },
      peer: { memory, slot },
      segment: { memory: segment },
    }).exports;
  const own = windowTo(me, guestMemory) as unknown as Omit<ChannelCalls, 'mailbox' | (typeof calls)[number]>;

  const open = (input: Uint8Array): number => {
    if (input.length < cmdHandle.size) return VB_EINVAL;
    const slot = cmdHandle.decode(input).handle;
    if (slot === me) return 0;
    const peer = slot < slots ? adapter.neighbour?.(slot) : undefined;
    if (peer === undefined) return VB_ENODEV;
    const window = windowTo(slot, peer.memory);
    calls.forEach((call, i) => {
      hub.channels.set(stride * slot + i, window[call]);
    });
    return 0;
  };
  const command: Adapter['command'] = (opcode, input) =>
    opcode === VB_CMD_OPEN_CHANNEL ? { status: open(input), output: nothing } : adapter.command(opcode, input);
  const { ring, buffers, grant, share, arm } = own;
  const { post, write, read } = hub;
  return {
    adapter: { uarWrite: adapter.uarWrite, command },
    calls: { mailbox: refuse, ring, buffers, grant, share, arm, post, write, read },
  };
}
