import { spawnCommand, spawnRequest, VB_EBUSY, VB_EINVAL, VB_ENOSYS, VB_SPAWN_COMMANDS, VB_SPAWN_MAX } from '@verbena/guest-abi';
import type { SpawnCommand, SpawnRequest } from '../../port.ts';
import type { HypercallHandler } from './context.ts';

const mostProcesses = 65_536;
/** Of one program: each is work for the whole cluster. */
const mostRequests = 1_000;

/** VB_HC_SPAWN(addr, len): the request is copied once, read, and passed on; the answer comes in the event page. */
export const spawn: HypercallHandler = ({ vmm, spawns }, address, length) => {
  if (!spawns) return VB_ENOSYS;
  if (length >>> 0 > VB_SPAWN_MAX) return VB_EINVAL;
  const request = readSpawnRequest(vmm.memory.copy(address, length >>> 0));
  if (request === undefined) return VB_EINVAL;
  if (vmm.control.counter('spawnRequests') >= mostRequests) return VB_EBUSY;
  vmm.control.add('spawnRequests', 1);
  vmm.post({ type: 'spawn', request });
  return 0;
};

/** Undefined for what is no request. */
export function readSpawnRequest(bytes: Uint8Array): SpawnRequest | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < spawnRequest.size) return undefined;
  const { commands } = spawnRequest.read(view, 0);
  if (commands < 1 || commands > VB_SPAWN_COMMANDS) return undefined;
  const read: SpawnCommand[] = [];
  let at = spawnRequest.size;
  for (let i = 0; i < commands; i++) {
    if (at + spawnCommand.size > bytes.length) return undefined;
    const header = spawnCommand.read(view, at);
    at += spawnCommand.size;
    if (header.most > mostProcesses || header.bytes > bytes.length - at) return undefined;
    const command = readCommand(bytes.subarray(at, at + header.bytes), header.most, header.arguments);
    if (command === undefined) return undefined;
    read.push(command);
    at += header.bytes;
  }
  return at === bytes.length ? read : undefined;
}

function readCommand(strings: Uint8Array, most: number, count: number): SpawnCommand | undefined {
  if (strings.at(-1) !== 0) return undefined;
  const [program = '', soft = '', host = '', wdir = '', ...args] = new TextDecoder().decode(strings.subarray(0, -1)).split('\0');
  return args.length === count ? { program, args, most, soft, host, wdir } : undefined;
}
