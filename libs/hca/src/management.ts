/**
 * The subnet management agent of a port, and what a subnet manager sets there (InfiniBand vol. 1, chapter 14).
 *
 * In band, any guest can send a subnet management packet to any port. The only thing that an agent has against it is the port's M_Key, and a port
 * whose M_Key is 0 has nothing. That is how the hole came about; so in-band management is off unless somebody switches it on, and ports are managed
 * from outside, over the control plane's authenticated calls.
 */
import * as abi from '@verbena/guest-abi';
import type { AdapterMemory, PortRow } from './adapter-memory.ts';
import { Refusal, type CommandContext } from './command-context.ts';
import type { FirmwareInstance } from './firmware-instance.ts';
import { VBF_DOMAINS, VBF_PKEYS, VBF_PORTS, VBF_SLOW_DOWN } from './layout.ts';
import { FULL_MEMBER, tableEntry } from './partition-keys.ts';
import { shapeAll } from './shaping.ts';

/** Status of a packet (section 13.4.7): the attribute is not supported, the values make no sense. */
const UNSUPPORTED = 0x0c;
const INVALID = 0x1c;

/** What may be set at a port; what is absent stays. */
export interface PortSettings {
  readonly smLid?: number;
  readonly state?: number;
  readonly mKey?: bigint;
  /** Virtual lane of each of the 16 service levels. */
  readonly laneOf?: readonly number[];
  /** Weight of each of the 8 virtual lanes, 1 to 255. */
  readonly laneWeights?: readonly number[];
  /** Bytes a millisecond that leave the port; 0: as fast as it goes. */
  readonly rate?: number;
}

/** The port with this LID, or undefined. */
export function portWith(memory: AdapterMemory, lid: number): PortRow | undefined {
  for (let i = 0; i < VBF_PORTS; i++) {
    const row = memory.port(i);
    if (row.get('state') !== 0 && row.get('lid') === lid) return row;
  }
  return undefined;
}

/** Sets what is given, and holds or releases the queue pairs on whose way the port is. @param resume lets a queue pair go on */
export function setPort(memory: AdapterMemory, port: PortRow, settings: PortSettings, resume: (qpn: number) => void): void {
  if (settings.smLid !== undefined) port.set({ sm_lid: settings.smLid });
  if (settings.mKey !== undefined) port.set({ m_key: settings.mKey });
  if (settings.laneOf !== undefined) {
    port.set({ lane_of: Uint8Array.from(settings.laneOf), lane_mask: settings.laneOf.reduce((mask, lane) => mask | (1 << lane), 1) });
  }
  if (settings.laneWeights !== undefined) port.set({ lane_weight: Uint8Array.from(settings.laneWeights) });
  if (settings.rate !== undefined) port.set({ rate: settings.rate, credit: 0 });
  shapeAll(memory);
  if (settings.state === undefined || settings.state === port.load('state')) return;
  port.publish('state', settings.state);
  port.publish('announce', 1 + (settings.state === abi.VB_PORT_ACTIVE ? abi.VB_EVENT_PORT_ACTIVE : abi.VB_EVENT_PORT_ERR));
  const high = memory.header.get('qp_high');
  for (let i = 1; i < high; i++) {
    const qp = memory.qp(i);
    if (qp.get('qpn') === 0 || ![qp.get('lid'), qp.get('dest_lid')].includes(port.get('lid'))) continue;
    const down = holdOf(memory, qp.get('lid'), qp.get('dest_lid'));
    qp.publish('slow', (qp.load('slow') & ~VBF_SLOW_DOWN) | down);
    if (down === 0) resume(qp.get('qpn'));
  }
}

/** VBF_SLOW_DOWN when one of the ports is down, else 0. A port of another process counts as up. */
export function holdOf(memory: AdapterMemory, ...lids: readonly number[]): number {
  const down = (lid: number): boolean => {
    const port = lid === 0 ? undefined : portWith(memory, lid);
    return port !== undefined && port.load('state') !== abi.VB_PORT_ACTIVE;
  };
  return lids.some(down) ? VBF_SLOW_DOWN : 0;
}

/** Sets an entry of a domain's P_Key table; its queue pairs of that index change with it, and lose whom they may no longer talk to. */
export function setPkey(memory: AdapterMemory, slot: number, index: number, pkey: number): void {
  const domain = memory.domain(slot);
  const entry = tableEntry(slot, pkey, (pkey & FULL_MEMBER) === 0);
  const pkeys = domain.get('pkeys').map((each, i) => (i === index ? entry : each));
  domain.set(index === 0 ? { pkeys, pkey: entry } : { pkeys });
  const high = memory.header.get('qp_high');
  for (let i = 1; i < high; i++) {
    const qp = memory.qp(i);
    if (qp.get('qpn') !== 0 && qp.get('slot') === slot && qp.get('pkey_index') === index) qp.publish('pkey', entry | 0);
  }
}

type Mad = ReturnType<typeof abi.mad.decode>;

function answerGet(port: PortRow, { attribute, m_key }: Mad, data: DataView): number {
  if (attribute === abi.VB_MAD_NODE_INFO) data.setBigUint64(0, port.get('guid'), true);
  else if (attribute === abi.VB_MAD_PORT_INFO) {
    // The key is shown to who knows it, or when it protects nothing.
    data.setBigUint64(0, port.get('m_key') === m_key ? m_key : 0n, true);
    [port.get('lid'), port.get('sm_lid'), port.load('state')].forEach((value, i) => data.setUint32(8 + 4 * i, value, true));
  } else if (attribute === abi.VB_MAD_SL_TO_VL) port.get('lane_of').forEach((lane, sl) => data.setUint8(sl, lane));
  else return UNSUPPORTED;
  return 0;
}

function answerSet(context: CommandContext, port: PortRow, { attribute, modifier }: Mad, data: DataView): number {
  const { memory, firmware } = context;
  const set = (settings: PortSettings): void => setPort(memory, port, settings, (qpn) => firmware.core.qp_opened(qpn));
  if (attribute === abi.VB_MAD_PORT_INFO) {
    const [smLid, state] = [data.getUint32(12, true), data.getUint32(16, true)];
    if (smLid > 0xbfff || state < abi.VB_PORT_DOWN || state > abi.VB_PORT_ACTIVE) return INVALID;
    set({ mKey: data.getBigUint64(0, true), smLid, state });
  } else if (attribute === abi.VB_MAD_SL_TO_VL) {
    const laneOf = Array.from({ length: 16 }, (_, sl) => data.getUint8(sl));
    if (laneOf.some((lane) => lane > 7)) return INVALID;
    set({ laneOf });
  } else if (attribute === abi.VB_MAD_PKEY_TABLE) {
    // The number of the virtual function above the block of the table.
    const [slot, index] = [modifier >>> 16, modifier & 0xffff];
    const owner = memory.domain(slot);
    if (slot >= VBF_DOMAINS || index >= VBF_PKEYS || owner.get('epoch') % 2 === 0 || owner.get('lid') !== port.get('lid')) return INVALID;
    setPkey(memory, slot, index, data.getUint16(0, true));
  } else return UNSUPPORTED;
  return 0;
}

/** VB_CMD_MAD: a subnet management packet of a guest. Nobody answers (VB_ENODEV) when no port has the LID, or when the M_Key is wrong. */
export function sendMad(context: CommandContext, input: Uint8Array): Uint8Array {
  const { memory } = context;
  if (memory.header.load('in_band') === 0) throw new Refusal(abi.VB_EPERM, 'the subnet is not managed in band');
  const packet = abi.mad.decode(input);
  const port = portWith(memory, packet.lid);
  if (port === undefined) throw new Refusal(abi.VB_ENODEV, `no port of this process has LID ${packet.lid}`);
  if (packet.method !== abi.VB_MAD_GET && packet.method !== abi.VB_MAD_SET)
    throw new Refusal(abi.VB_EINVAL, `${packet.method} is no method`);
  if (packet.method === abi.VB_MAD_SET && port.get('m_key') !== 0n && port.get('m_key') !== packet.m_key) {
    port.add('m_key_violations', 1);
    throw new Refusal(abi.VB_ENODEV, 'the agent does not answer: the M_Key is wrong');
  }
  const data = packet.data.slice();
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const status = packet.method === abi.VB_MAD_GET ? answerGet(port, packet, view) : answerSet(context, port, packet, view);
  return abi.mad.encode({ ...packet, status, data });
}

/** Tells the domains of ports that changed. On the main thread, which reaches all of them. */
export function announcePorts(memory: AdapterMemory, firmware: FirmwareInstance): void {
  for (let i = 0; i < VBF_PORTS; i++) {
    const port = memory.port(i);
    if (port.get('state') === 0) return;
    const announce = port.load('announce');
    if (announce === 0) continue;
    port.publish('announce', 0);
    for (let slot = 0; slot < VBF_DOMAINS; slot++) {
      const domain = memory.domain(slot);
      if (domain.get('epoch') % 2 === 1 && domain.get('port') === i + 1) firmware.core.event(slot, announce - 1, 1);
    }
  }
}
