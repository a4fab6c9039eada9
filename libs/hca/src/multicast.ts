/**
 * Multicast groups (InfiniBand vol. 1, sections 10.5 and 15.2.5.17): what a subnet manager decides when somebody joins, and which queue pairs are attached.
 *
 * A group belongs to a partition. Its MLID follows from its MGID and the partition, so that the adapters of all processes name it alike without asking anyone. Two MGIDs of a
 * partition may come to the same MLID: in one process the second is refused, and what comes from another carries bits of its MGID that tell them apart.
 */
import * as abi from '@verbena/guest-abi';
import type { AdapterMemory, GroupRow, QpRow } from './adapter-memory.ts';
import { Refusal, type CommandContext } from './command-context.ts';
import { VBF_FIRST_MLID, VBF_GROUPS } from './layout.ts';
import { LIMITS } from './limits.ts';
import { wantLink } from './links.ts';
import { pkeyAt } from './qp-attributes.ts';
import { requireQp } from './queue-pairs.ts';

const PARTITION = 0x7fff;
/** 0xffff is the permissive LID, which no group gets. */
const MLIDS = 0xffff - VBF_FIRST_MLID;

/** FNV-1a over the MGID and the partition. */
function tagOf(mgid: Uint8Array, partition: number): number {
  return [...mgid, partition & 0xff, partition >> 8].reduce((hash, byte) => Math.imul(hash ^ byte, 0x0100_0193), 0x811c_9dc5) >>> 0;
}

const groups = (memory: AdapterMemory): GroupRow[] => Array.from({ length: VBF_GROUPS }, (_, i) => memory.group(i));
const used = (memory: AdapterMemory): GroupRow[] => groups(memory).filter((each) => each.get('mlid') !== 0);
const same = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, i) => byte === b[i]);
const bitOf = (slot: number): number => 2 ** (slot % 32);
const joined = (group: GroupRow, slot: number): boolean => ((group.get('joined')[slot >> 5] ?? 0) & bitOf(slot)) !== 0;

function setJoined(group: GroupRow, slot: number, present: boolean): void {
  group.set({
    joined: group.get('joined').map((word, i) => (i !== slot >> 5 ? word : (present ? word | bitOf(slot) : word & ~bitOf(slot)) >>> 0)),
  });
}

function setMember(group: GroupRow, number: number, qpn: number): void {
  group.set({ members: group.get('members').map((old, i) => (i === number ? qpn : old)) });
}

/** Places of a domain's queue pairs in a group. */
function placesOf(memory: AdapterMemory, group: GroupRow, slot: number): number[] {
  return group.get('members').flatMap((qpn, i) => (qpn !== 0 && memory.qp(qpn).get('slot') === slot ? [i] : []));
}

function partitionAt(context: CommandContext, index: number): number {
  const entry = pkeyAt(context, index);
  if (entry === 0) throw new Refusal(abi.VB_EINVAL, `there is no partition key at index ${index}`);
  return entry & PARTITION;
}

/** VB_CMD_JOIN_MCAST: joins a group, and makes it when there is none. All members name the same Q_Key. */
export function joinMcast(context: CommandContext, input: Uint8Array): Uint8Array {
  const { memory, domain, slot } = context;
  const { mgid, qkey, pkey_index } = abi.joinMcastIn.decode(input);
  if (mgid[0] !== 0xff) throw new Refusal(abi.VB_EINVAL, 'a multicast GID begins with 0xff');
  const partition = partitionAt(context, pkey_index);
  const tag = tagOf(mgid, partition);
  const mlid = VBF_FIRST_MLID + (tag % MLIDS);
  const known = used(memory).find((each) => each.get('mlid') === mlid && each.get('partition') === partition);
  if (known !== undefined && !same(known.get('mgid'), mgid))
    throw new Refusal(abi.VB_ENOSPC, 'the MLID of this MGID is taken by another: choose another MGID');
  if (known !== undefined && known.get('qkey') !== qkey) throw new Refusal(abi.VB_EINVAL, 'the members of this group have another Q_Key');
  if (known === undefined || !joined(known, slot)) {
    if (used(memory).filter((each) => joined(each, slot)).length >= LIMITS.groups) throw new Refusal(abi.VB_ENOSPC, 'no more groups');
    const group = known ?? groups(memory).find((each) => each.get('mlid') === 0);
    if (group === undefined) throw new Refusal(abi.VB_ENOSPC, 'the adapter has no free multicast group');
    if (known === undefined) group.clear({ partition, qkey, tag, mgid });
    setJoined(group, slot, true);
    group.publish('mlid', mlid);
  }
  // Members may be behind any of them.
  for (let link = 0; link < memory.header.get('link_high'); link++) wantLink(memory, domain, link);
  return abi.joinMcastOut.encode({ mlid, qkey });
}

function leaveGroup(group: GroupRow, slot: number): void {
  setJoined(group, slot, false);
  if (group.get('joined').every((word) => word === 0)) group.publish('mlid', 0);
}

/** VB_CMD_LEAVE_MCAST. Refused (VB_EBUSY) while queue pairs of the domain are attached. */
export function leaveMcast(context: CommandContext, input: Uint8Array): Uint8Array {
  const { mgid, pkey_index } = abi.joinMcastIn.decode(input);
  const partition = partitionAt(context, pkey_index);
  const group = used(context.memory).find((each) => each.get('partition') === partition && same(each.get('mgid'), mgid));
  if (group === undefined || !joined(group, context.slot)) throw new Refusal(abi.VB_EINVAL, 'this domain has not joined this group');
  if (placesOf(context.memory, group, context.slot).length > 0) throw new Refusal(abi.VB_EBUSY, 'queue pairs are attached to this group');
  leaveGroup(group, context.slot);
  return new Uint8Array();
}

/** The group that an attachment names, if the queue pair can be in it. */
function requireGroup(context: CommandContext, input: Uint8Array): { group: GroupRow; qp: QpRow } {
  const { qpn, mlid, mgid } = abi.attachMcastIn.decode(input);
  const qp = requireQp(context, qpn);
  if (qp.get('type') !== abi.VB_QPT_UD) throw new Refusal(abi.VB_EINVAL, 'only datagram queue pairs are members of multicast groups');
  const group = used(context.memory).find(
    (each) => each.get('mlid') === mlid && each.get('partition') === (qp.get('pkey') & PARTITION) && same(each.get('mgid'), mgid),
  );
  if (group === undefined || !joined(group, context.slot))
    throw new Refusal(abi.VB_EINVAL, 'this domain has not joined such a group in this partition');
  return { group, qp };
}

/** VB_CMD_ATTACH_MCAST: from now on the queue pair gets what is sent to the group. Once more changes nothing. */
export function attachMcast(context: CommandContext, input: Uint8Array): Uint8Array {
  const { group, qp } = requireGroup(context, input);
  const qpn = qp.get('qpn');
  if (group.get('members').includes(qpn)) return new Uint8Array();
  const places = used(context.memory).reduce((sum, each) => sum + placesOf(context.memory, each, context.slot).length, 0);
  const free = group.get('members').indexOf(0);
  if (places >= LIMITS.attachments || free < 0) throw new Refusal(abi.VB_ENOSPC, 'no more queue pairs can be attached');
  setMember(group, free, qpn);
  return new Uint8Array();
}

/** VB_CMD_DETACH_MCAST */
export function detachMcast(context: CommandContext, input: Uint8Array): Uint8Array {
  const { group, qp } = requireGroup(context, input);
  const place = group.get('members').indexOf(qp.get('qpn'));
  if (place < 0) throw new Refusal(abi.VB_EINVAL, 'the queue pair is not attached to this group');
  setMember(group, place, 0);
  return new Uint8Array();
}

/** Whether a queue pair is in some group: then it is not destroyed. */
export function isAttached(memory: AdapterMemory, qpn: number): boolean {
  return used(memory).some((each) => each.get('members').includes(qpn));
}

/** The domain ends: it is in no group any more, nor are its queue pairs. */
export function leaveAll(memory: AdapterMemory, slot: number): void {
  for (const group of used(memory).filter((each) => joined(each, slot))) {
    for (const place of placesOf(memory, group, slot)) setMember(group, place, 0);
    leaveGroup(group, slot);
  }
}
