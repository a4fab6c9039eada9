import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeFrame, withNumber, type Frame } from './frames.ts';
import { connectDoor, Doors } from './transport.ts';

let doors: Doors;
beforeEach(() => {
  doors = new Doors('127.0.0.1');
});
afterEach(() => doors.close());

/** As from another process: what says that it is this one is taken off. */
const overTcp = (endpoint: string): string => endpoint.replace(/\/[^/]*\//, '/elsewhere/');

async function openDoor(): Promise<{ endpoint: string; secret: Uint8Array; taken: string[]; close: () => void }> {
  const taken: string[] = [];
  const door = await doors.open((frame: Frame) => {
    const last = taken.at(-1)?.split(' ') ?? [];
    // Pages come in pieces.
    if (frame.kind === 'pages' && last[0] === 'pages') taken[taken.length - 1] = `pages ${String(Number(last[1]) + frame.payload.length)}`;
    else taken.push(`${frame.kind} ${String(frame.payload.length)}`);
    return Promise.resolve(frame.kind === 'round' ? { kind: 'ack', payload: withNumber(taken.length) } : undefined);
  });
  return { ...door, taken };
}

describe.each([
  ['hand to hand', (endpoint: string) => endpoint],
  ['over TCP', overTcp],
])('frames %s', (_name, reach) => {
  it('arrive in order, and are answered', async () => {
    const { endpoint, secret, taken } = await openDoor();
    const link = await connectDoor(reach(endpoint), secret);
    for (let i = 0; i < 20; i++) await link.send({ kind: 'pages', payload: new Uint8Array(100_000 + i) });
    await link.send({ kind: 'round', payload: new Uint8Array(0) });
    expect((await link.answer()).kind).toBe('ack');
    expect(taken).toEqual([`pages ${String(20 * 100_000 + 190)}`, 'round 0']);
    link.close();
  });

  it('arrive whole when they are sent in parts', async () => {
    const taken: Uint8Array[] = [];
    const door = await doors.open(({ kind, payload }) => {
      if (kind === 'pages') taken.push(payload.slice());
      return Promise.resolve(kind === 'round' ? { kind: 'ack', payload: withNumber(0) } : undefined);
    });
    const link = await connectDoor(reach(door.endpoint), door.secret);
    const parts = Array.from({ length: 50 }, (_, i) => new Uint8Array(7_000 * (i % 5)).fill(i));
    await link.sendParts('pages', parts);
    await link.sendParts('pages', []);
    await link.send({ kind: 'round', payload: new Uint8Array(0) });
    await link.answer();
    expect(Buffer.compare(Buffer.concat(taken), Buffer.concat(parts))).toBe(0);
    link.close();
  });

  it('are taken from nobody with another secret, and from nobody a second time', async () => {
    const { endpoint, secret, taken } = await openDoor();
    await expect((async () => connectDoor(reach(endpoint), new Uint8Array(32)))()).rejects.toThrow();
    const first = await connectDoor(reach(endpoint), secret);
    await expect((async () => connectDoor(reach(endpoint), secret))()).rejects.toThrow();
    first.close();
    expect(taken).toEqual([]);
  });
});

describe('a stranger', () => {
  const stranger = async (bytes: Uint8Array): Promise<void> => {
    const { endpoint, taken } = await openDoor();
    const socket = createConnection({ host: '127.0.0.1', port: Number(/:(\d+)\//.exec(endpoint)?.[1]) });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(bytes);
    await once(socket, 'close');
    expect(taken).toEqual([]);
  };

  it('that begins with anything but a secret is shown out', async () => {
    await stranger(encodeFrame({ kind: 'pages', payload: new Uint8Array(16) }));
    await stranger(encodeFrame({ kind: 'hello', payload: new Uint8Array(5) }));
  });

  it('that announces more than a secret takes no memory', async () => {
    await stranger(Uint8Array.of(0, 0, 0, 1, 1));
    await stranger(new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n'));
  });
});
