/**
 * How frames get from the source's node-agent to the target's: over TCP, or hand to hand within one process. Both look alike, so another transport
 * can stand beside them. A door is opened for one migration and by one secret, which is used up when it is shown.
 *
 * Back pressure is the receiver's: a frame is taken when what came before it has been dealt with, and `send` resolves when the transport has room.
 */
import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { FrameDecoder, frameHeader, withNumber, type Frame, type FrameKind } from './frames.ts';

export const bytesOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, { length }) => sum + length, 0);

/** Takes one frame after another, one of pages in any number of pieces; what it returns is sent back. An error ends the connection. */
export type TakeFrame = (frame: Frame) => Promise<Frame | undefined> | Frame | undefined;

export interface Door {
  readonly endpoint: string;
  readonly secret: Uint8Array;
  close(): void;
}

export interface FrameLink {
  send(frame: Frame): Promise<void>;
  /** A frame of pages whose payload is in parts, which are not copied: they stay as they are until the receiver has answered something. */
  sendParts(kind: 'pages', parts: readonly Uint8Array[]): Promise<void>;
  /** The next answer. */
  answer(): Promise<Frame>;
  close(): void;
}

const secretBytes = 32;
const idleMs = 120_000;
const connectMs = 10_000;
/** Bytes on their way before whoever sends waits: finding the next pages goes on meanwhile. */
const aheadBytes = 4 * 1024 * 1024;
/** A stranger's first frame is the secret, and no more. */
const helloBytes = 64;
/** Endpoints of doors in this process end so. */
const here = randomUUID();

interface Opened {
  readonly secret: Uint8Array;
  readonly take: TakeFrame;
  used: boolean;
}

const local = new Map<string, Opened>();

/** The doors of one node-agent. It listens from the first one on. */
export class Doors {
  readonly #host: string;
  readonly #open = new Map<string, Opened>();
  readonly #sockets = new Set<Socket>();
  #server: Promise<Server> | undefined;

  /** `host`: where node-agents of other processes reach this one. */
  constructor(host: string) {
    this.#host = host;
  }

  async open(take: TakeFrame): Promise<Door> {
    const server = await (this.#server ??= this.#listen());
    const secret = new Uint8Array(randomBytes(secretBytes));
    const id = randomUUID();
    const opened: Opened = { secret, take, used: false };
    this.#open.set(id, opened);
    local.set(id, opened);
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const close = (): void => {
      this.#open.delete(id);
      local.delete(id);
    };
    return { endpoint: `${this.#host}:${String(port)}/${here}/${id}`, secret, close };
  }

  async close(): Promise<void> {
    for (const id of this.#open.keys()) local.delete(id);
    this.#open.clear();
    for (const socket of this.#sockets) socket.destroy();
    const server = await this.#server?.catch(() => undefined);
    server?.close();
  }

  async #listen(): Promise<Server> {
    const server = createServer((socket) => this.#serve(socket));
    const loopback = this.#host === '127.0.0.1' || this.#host === 'localhost';
    server.listen(0, loopback ? '127.0.0.1' : undefined);
    await once(server, 'listening');
    server.unref();
    return server;
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(idleMs, () => socket.destroy());
    this.#read(socket).catch(() => socket.destroy());
  }

  async #read(socket: Socket): Promise<void> {
    let decoder = new FrameDecoder(helloBytes);
    let opened: Opened | undefined;
    for await (const piece of socket as AsyncIterable<Buffer>) {
      for (const frame of decoder.push(piece)) {
        if (opened === undefined) {
          if (frame.kind !== 'hello') throw new Error('a stranger');
          opened = this.#admit(frame.payload);
          await write(socket, { kind: 'ack', payload: withNumber(0) });
          continue;
        }
        const answer = opened.take(frame);
        if (answer === undefined) continue;
        const said = answer instanceof Promise ? await answer : answer;
        if (said !== undefined) await write(socket, said);
      }
      // From here on it is known who sends.
      if (opened !== undefined && decoder.empty) decoder = new FrameDecoder();
    }
  }

  #admit(secret: Uint8Array): Opened {
    const found = [...this.#open.values()].find(
      (opened) => !opened.used && opened.secret.length === secret.length && timingSafeEqual(opened.secret, secret),
    );
    if (found === undefined) throw new Error('no door opens for this secret');
    found.used = true;
    return found;
  }
}

/** @throws when nobody listens, or the secret opens nothing */
export async function connectDoor(endpoint: string, secret: Uint8Array): Promise<FrameLink> {
  const [address = '', process = '', id = ''] = endpoint.split('/');
  if (process === here) return handToHand(id, secret);
  const cut = address.lastIndexOf(':');
  const socket = createConnection({
    host: address.slice(0, cut),
    port: Number(address.slice(cut + 1)),
    noDelay: true,
  });
  socket.setTimeout(idleMs, () => socket.destroy(new Error('the target of the migration is silent')));
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  socket.on('error', (error) => failed.reject(error));
  socket.on('close', () => failed.reject(new Error('the target of the migration has closed the connection')));
  const timer = setTimeout(() => socket.destroy(new Error('the target of the migration does not answer')), connectMs);
  await Promise.race([once(socket, 'connect'), failed.promise]).finally(() => clearTimeout(timer));
  const answers = answersOf(socket, failed.promise);
  const link: FrameLink = {
    send: (frame) => Promise.race([write(socket, frame), failed.promise]),
    sendParts: (kind, parts) => Promise.race([writeParts(socket, kind, parts), failed.promise]),
    answer: answers,
    close: () => socket.destroy(),
  };
  await link.send({ kind: 'hello', payload: secret });
  // Nothing follows before the secret is taken: a stranger's connection has no room for more.
  await link.answer();
  return link;
}

function handToHand(id: string, secret: Uint8Array): FrameLink {
  const opened = local.get(id);
  if (opened === undefined || opened.used || !timingSafeEqual(opened.secret, secret)) throw new Error('no door opens for this secret');
  opened.used = true;
  const answers: Frame[] = [];
  let closed = false;
  const send = async (frame: Frame): Promise<void> => {
    if (closed || local.get(id) !== opened) throw new Error('the target of the migration has closed the door');
    const answer = await opened.take(frame);
    if (answer !== undefined) answers.push(answer);
  };
  return {
    send,
    sendParts: async (kind, parts) => {
      for (const payload of parts) await send({ kind, payload });
    },
    answer: () => {
      const next = answers.shift();
      return next === undefined ? Promise.reject(new Error('nothing was answered')) : Promise.resolve(next);
    },
    close: () => {
      closed = true;
    },
  };
}

function answersOf(socket: Socket, failed: Promise<never>): () => Promise<Frame> {
  const decoder = new FrameDecoder(helloBytes);
  const frames: Frame[] = [];
  let waiting: ((frame: Frame) => void) | undefined;
  socket.on('data', (piece: Buffer) => {
    try {
      for (const frame of decoder.push(piece)) {
        if (waiting === undefined) frames.push(frame);
        else {
          const take = waiting;
          waiting = undefined;
          take(frame);
        }
      }
    } catch (error) {
      socket.destroy(error as Error);
    }
  });
  return () => {
    const next = frames.shift();
    if (next !== undefined) return Promise.resolve(next);
    return Promise.race([new Promise<Frame>((resolve) => (waiting = resolve)), failed]);
  };
}

const write = (socket: Socket, { kind, payload }: Frame): Promise<void> => writeParts(socket, kind, [payload]);

/** In one call into the system, without a copy. */
async function writeParts(socket: Socket, kind: FrameKind, parts: readonly Uint8Array[]): Promise<void> {
  socket.cork();
  let room = socket.write(frameHeader(kind, bytesOf(parts)));
  for (const part of parts) room = socket.write(part);
  socket.uncork();
  if (!room && socket.writableLength > aheadBytes) await once(socket, 'drain');
}
