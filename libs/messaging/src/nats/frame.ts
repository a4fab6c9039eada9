/**
 * The messages of the bus over NATS: a fixed head, a block of header lines, and bytes of a body. docs/formats/bus.md says what each kind is for.
 * What arrives here was written by another process, so everything is checked before it is believed.
 */
import { Code } from '@connectrpc/connect';
import { struct, u16, u32, u8 } from '@verbena/binary';

export const frameVersion = 1;

export const frameKinds = {
  /** Caller: the call, its headers, and the beginning of its body. */
  request: 1,
  /** Service: status, headers, and the beginning of the body. */
  response: 2,
  /** Either: more of a body. */
  data: 3,
  /** Either: how many frames of the other's body may have been sent in all. */
  credit: 4,
  /** Caller: the call is over for it. */
  cancel: 5,
  /** Service: the call failed outside of its handler; status is the code, the body the reason. */
  reset: 6,
  /** Service: the call is under way at this replica. */
  accept: 7,
  /** Either: the sender is there, and so are its calls. */
  alive: 8,
} as const;
export type FrameKind = keyof typeof frameKinds;

const kindNames = new Map(Object.entries(frameKinds).map(([name, number]) => [number as number, name as FrameKind]));

export const frameHead = struct(
  'vb_bus_frame',
  { version: u8, kind: u8, flags: u8, reserved: u8, status: u16, reserved2: u16, sequence: u32, limit: u32, headLength: u32 },
  20,
);
/** Flag: the body ends with this frame. */
export const endFlag = 1;
/** Bytes that the header lines of one call may take. */
export const maxHeadBytes = 32 << 10;
const maxHeadLines = 256;
/** A header's name by RFC 9110, section 5.6.2, in small letters; the frame's own begin with a colon. */
const lineName = /^:?[!#$%&'*+.^_`|~0-9a-z-]+$/;
const notInValues = /[\0\r]/;

export interface Frame {
  readonly kind: FrameKind;
  /** The body of its direction ends here. */
  readonly end: boolean;
  /** Of a response: as of HTTP. Of a reset: a code of Connect. */
  readonly status: number;
  /** Counts the frames that carry a body, from 0, per direction. */
  readonly sequence: number;
  /** So many frames with a body the receiver may send in all. */
  readonly limit: number;
  readonly lines: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** A message that is none of ours, or that somebody made up. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

export interface FrameParts {
  readonly kind: FrameKind;
  readonly end?: boolean;
  readonly status?: number;
  readonly sequence?: number;
  readonly limit?: number;
  /** Lines as encodeLines makes them. */
  readonly head?: string;
  readonly body?: Uint8Array | undefined;
}

export function encodeFrame({ kind, end = false, status = 0, sequence = 0, limit = 0, head = '', body }: FrameParts): Uint8Array {
  const frame = Buffer.allocUnsafe(frameHead.size + head.length + (body?.length ?? 0));
  const view = new DataView(frame.buffer, frame.byteOffset, frameHead.size);
  frameHead.set(view, 0, 'version', frameVersion);
  frameHead.set(view, 0, 'kind', frameKinds[kind]);
  frameHead.set(view, 0, 'flags', end ? endFlag : 0);
  frameHead.set(view, 0, 'reserved', 0);
  frameHead.set(view, 0, 'status', status);
  frameHead.set(view, 0, 'reserved2', 0);
  frameHead.set(view, 0, 'sequence', sequence);
  frameHead.set(view, 0, 'limit', limit);
  frameHead.set(view, 0, 'headLength', head.length);
  frame.write(head, frameHead.size, 'latin1');
  if (body !== undefined) frame.set(body, frameHead.size + head.length);
  return frame;
}

/** Reads a frame; its body is a copy, since the client reuses what it read from the socket. @throws {FrameError} */
export function decodeFrame(data: Uint8Array): Frame {
  if (data.length < frameHead.size) throw new FrameError(`a frame has at least ${frameHead.size} bytes, this one ${data.length}`);
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const version = frameHead.get(view, 0, 'version');
  if (version !== frameVersion) throw new FrameError(`frames of version ${version} are not understood, only of version ${frameVersion}`);
  const kind = kindNames.get(frameHead.get(view, 0, 'kind'));
  if (kind === undefined) throw new FrameError(`there is no frame of kind ${frameHead.get(view, 0, 'kind')}`);
  const flags = frameHead.get(view, 0, 'flags');
  if ((flags & ~endFlag) !== 0 || frameHead.get(view, 0, 'reserved') !== 0 || frameHead.get(view, 0, 'reserved2') !== 0)
    throw new FrameError('reserved bits of a frame are set');
  const headLength = frameHead.get(view, 0, 'headLength');
  const bodyAt = frameHead.size + headLength;
  if (headLength > maxHeadBytes || bodyAt > data.length) throw new FrameError(`header lines of ${headLength} bytes do not fit the frame`);
  const body = new Uint8Array(data.length - bodyAt);
  body.set(data.subarray(bodyAt));
  return {
    kind,
    end: (flags & endFlag) !== 0,
    status: frameHead.get(view, 0, 'status'),
    sequence: frameHead.get(view, 0, 'sequence'),
    limit: frameHead.get(view, 0, 'limit'),
    lines: headLength === 0 ? noLines : decodeLines(data, frameHead.size, bodyAt),
    body,
  };
}

const noLines: Frame['lines'] = [];

/** Header lines as Latin-1: a name, a colon, the value, a line feed. Names that begin with a colon belong to the frame. */
export function encodeLines(headers: Iterable<readonly [string, string]>): string {
  let text = '';
  for (const [name, value] of headers) text += `${name}:${value}\n`;
  return text;
}

function decodeLines(data: Uint8Array, start: number, end: number): Frame['lines'] {
  const text = Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1');
  const lines: [string, string][] = [];
  for (let at = 0; at < text.length;) {
    const stop = text.indexOf('\n', at);
    const colon = text.indexOf(':', at + 1);
    if (stop < 0 || colon < 0 || colon > stop) throw new FrameError('a header line is a name, a colon, a value and a line feed');
    if (lines.length === maxHeadLines) throw new FrameError(`more than ${maxHeadLines} header lines`);
    const line: [string, string] = [text.slice(at, colon), text.slice(colon + 1, stop)];
    if (!lineName.test(line[0]) || notInValues.test(line[1])) throw new FrameError('a header line is no header of HTTP');
    lines.push(line);
    at = stop + 1;
  }
  return lines;
}

/** The headers among a frame's lines. */
export function headersOf(frame: Frame): Headers {
  return new Headers(headerLines(frame).map(([name, value]) => [name, value]));
}

/** A frame's lines without its own. */
export function headerLines({ lines }: Frame): Frame['lines'] {
  return lines.some(isOwn) ? lines.filter((line) => !isOwn(line)) : lines;
}

function isOwn([name]: readonly [string, string]): boolean {
  return name.startsWith(':');
}

/** What a line of the frame's own says, such as ":replica". */
export function ownLine(frame: Frame, name: string): string | undefined {
  return frame.lines.find(([known]) => known === name)?.[1];
}

/** The code that a reset carries; what is no code is UNKNOWN. */
export function codeOf({ status }: Frame): Code {
  return status >= Code.Canceled && status <= Code.Unauthenticated ? status : Code.Unknown;
}
