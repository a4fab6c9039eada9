/**
 * What goes over the virtual Ethernet: frames (IEEE 802.3), and in them segments of the byte streams between two guests.
 *
 *   0   destination address     6   source address     12  type     14  segment header     38  payload
 *
 * An address is locally administered and follows from the LID of the guest's soft adapter, so that nobody has to be asked for it: 02:56:42:00, then the LID. The LID
 * follows from where the guest is: that of its host's port in the upper byte, its slot in the lower one.
 */
import { struct, u16, u32 } from '@verbena/binary';

/** Payload of a frame, as on any Ethernet. */
export const mtu = 1500;
export const frameHeader = 14;
export const longestFrame = frameHeader + mtu;

/** For local experiments (IEEE 802, section 9.2). */
const etherType = 0x88b5;
const addressPrefix = 0x0256_4200;

export const segment = struct(
  'segment',
  {
    /** Which life of a stack sent it, and for which life of the other one it is; 0: not known yet. */
    from: u32,
    to: u32,
    /** Segments are numbered from 0. One without payload has the number of the next. */
    number: u32,
    /** Everything before this has arrived; the receiver takes what is before `granted`. */
    ack: u32,
    granted: u32,
    bytes: u16,
    flags: u16,
  },
  24,
);
/** The sender asks for an acknowledgement at once. */
export const FLAG_ASK = 1;
/** The sender's program has ended, and this is the last that it says. */
export const FLAG_LAST = 2;
/** A multiple of 32, as the frames of the adapter above are. */
export const segmentBytes = 1472;

const lastLid = 0xbfff;

/** The LID of a guest's soft adapter. @throws Error when the host's LID leaves no room for guests */
export function softLid(hostLid: number, slot: number): number {
  const lid = hostLid * 256 + slot;
  if (hostLid < 1 || slot > 255 || lid > lastLid)
    throw new Error(`the path ethernet is for hosts with LIDs 1 to ${String(lastLid >> 8)}: this one has ${String(hostLid)}`);
  return lid;
}

export const hostOf = (lid: number): number => lid >>> 8;

export function writeFrameHeader(view: DataView, at: number, to: number, from: number): void {
  view.setUint32(at, addressPrefix);
  view.setUint16(at + 4, to);
  view.setUint32(at + 6, addressPrefix);
  view.setUint16(at + 10, from);
  view.setUint16(at + 12, etherType);
}

/** The LID behind the destination address; 0 when it is none of ours. */
export const destinationOf = (view: DataView, at: number): number => (view.getUint32(at) === addressPrefix ? view.getUint16(at + 4) : 0);

export const sourceOf = (view: DataView, at: number): number => (view.getUint32(at + 6) === addressPrefix ? view.getUint16(at + 10) : 0);

/** A frame where it lies, and the addresses that were read from it: memory that a guest can write may say something else when it is read again. */
export interface Frame {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly length: number;
  readonly to: number;
  readonly from: number;
}

/** Copies a frame, with the addresses that were checked. */
export function copyFrame({ bytes, at, length, to, from }: Frame, view: DataView, into: Uint8Array, place: number): void {
  into.set(bytes.subarray(at, at + length), place);
  writeFrameHeader(view, place, to, from);
}

export const isSegment = (view: DataView, at: number): boolean => view.getUint16(at + 12) === etherType;
