/** The adapter on the thread of a vCPU. */
import { receiveMessageOnPort } from 'node:worker_threads';
import { VB_EINVAL, VB_ENODEV, VB_ENOSYS } from '@verbena/guest-abi';
import { AdapterMemory } from './adapter-memory.ts';
import { Refusal, type CommandContext } from './command-context.ts';
import { withCommandLock } from './command-lock.ts';
import { COMMANDS } from './commands.ts';
import { FirmwareInstance } from './firmware-instance.ts';
import { LIMITS } from './limits.ts';
import { memoryBytes } from './memory-size.ts';
import { streamOver } from './stream.ts';
import type { Adapter, AdapterWorkerInit, CommandResult, PeerMemory, PortMessage } from './types.ts';

const refused = (status: number): CommandResult => ({ status, output: new Uint8Array() });

/** Opens the adapter for one vCPU. Call it on that vCPU's thread, before its module is instantiated. */
export function openAdapter(init: AdapterWorkerInit): Adapter {
  const memory = new AdapterMemory(init.adapterMemory);
  const connect = (link: number): boolean => {
    const fd = memory.link(link).get('fd');
    if (fd === 0) return false;
    firmware.connect(link, streamOver(fd));
    return true;
  };
  const firmware: FirmwareInstance = new FirmwareInstance(init.firmware, memory, init.thread, init.slot, init.guestMemory, connect, () =>
    drain(),
  );
  const peers = new Map(init.peers.map((peer) => [peer.slot, peer]));
  for (const peer of init.peers) firmware.learn(peer);
  const domain = memory.domain(init.slot);

  const drain = (): void => {
    for (let next = receiveMessageOnPort(init.port); next !== undefined; next = receiveMessageOnPort(init.port)) {
      const message = next.message as PortMessage;
      if (message.kind === 'learn') {
        firmware.learn(message.peer);
        peers.set(message.peer.slot, message.peer);
      } else {
        firmware.forget(message.slot, message.epoch);
        if (peers.get(message.slot)?.epoch === message.epoch) peers.delete(message.slot);
      }
    }
  };

  const context: CommandContext = {
    memory,
    firmware,
    domain,
    slot: init.slot,
    epoch: init.epoch,
    limits: init.limits ?? LIMITS,
    completions: {
      slot: init.completions?.slot ?? init.slot,
      epoch: init.completions?.epoch ?? init.epoch,
      memoryBytes: (wanted) => memoryBytes(init.completions?.memory ?? init.guestMemory, wanted),
    },
    memoryBytes: (wanted) => memoryBytes(init.guestMemory, wanted),
    reach(slot, epoch) {
      if (!firmware.knows(slot, epoch)) drain();
      return firmware.knows(slot, epoch);
    },
  };

  const command = (opcode: number, input: Uint8Array): CommandResult => {
    const known = COMMANDS.get(opcode);
    if (known === undefined) return refused(VB_ENOSYS);
    if (input.length < (known.leastBytes ?? known.inputBytes)) return refused(VB_EINVAL);
    // The guest's own copy may change under us.
    const own = new Uint8Array(known.inputBytes);
    own.set(input.subarray(0, known.inputBytes));
    try {
      return withCommandLock(memory, init.thread, () => {
        if (domain.get('epoch') !== init.epoch || domain.load('unplugged') !== 0) return refused(VB_ENODEV);
        return { status: 0, output: known.run(context, own) };
      });
    } catch (error) {
      if (error instanceof Refusal) return refused(error.status);
      throw error;
    }
  };

  const neighbour = (slot: number): PeerMemory | undefined => {
    drain();
    const peer = peers.get(slot);
    const [row, own] = [memory.domain(slot), domain];
    const here =
      peer !== undefined && row.get('epoch') === peer.epoch && row.get('lid') === own.get('lid') && row.get('pkey') === own.get('pkey');
    return here ? peer : undefined;
  };

  return { uarWrite: firmware.core.uar_write, command, neighbour };
}
