/** Clients that stand still, or are too many: what each of them may take of the gateway is bounded, and other callers notice nothing. */
import { once } from 'node:events';
import { constants, type ClientHttp2Stream } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { jobv1, storagev1 } from '@verbena/contracts';
import { afterEach, describe, expect, it } from 'vitest';
import {
  behind,
  dial,
  end,
  framed,
  gateway,
  getFile,
  getJob,
  grpcHeaders,
  open,
  pieceBytes,
  session,
  somebodyElse,
  start,
  watchJob,
} from './hostile.fixture.ts';

afterEach(() => end());

describe('a reader that stops reading', () => {
  const request = framed(toBinary(storagev1.GetFileRequestSchema, create(storagev1.GetFileRequestSchema, { jobId: 'job-1', path: 'big' })));

  it('over HTTP/2 is held up by its own window, and dropped', async () => {
    await start({ stalledMs: 100 });
    const stream = session().request(grpcHeaders(getFile));
    stream.on('error', () => undefined);
    stream.end(request);
    await once(stream, 'response');
    await expect.poll(() => gateway.load().dropped).toBe(1);
    // What it was owed when it stopped: its window and the gateway's buffers, not a file without end.
    expect(behind.produced).toBeLessThan(32);
    await expect.poll(() => gateway.load().exchanges).toBe(0);
    expect(await somebodyElse()).toBe('job-1');
  });

  it('over HTTP/1.1 is held up by what the systems buffer, and dropped', async () => {
    await start({ stalledMs: 100 });
    const socket = dial();
    await once(socket, 'connect');
    const body = Buffer.concat([Buffer.from([0]), request.subarray(1)]);
    socket.write(
      `POST ${getFile} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
    socket.pause();
    await expect.poll(() => gateway.load().dropped).toBe(1);
    // A socket on loopback may hold several megabytes on either side.
    expect(behind.produced * pieceBytes).toBeLessThan(32 << 20);
    expect(await somebodyElse()).toBe('job-1');
  });
});

describe('a client that never finishes', () => {
  it('its first line, its headers or its settings, is let go', async () => {
    await start({ openingMs: 100 });
    const openings = ['', 'P', 'PRI * HTTP/2.0\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', `POST ${getJob} HTTP/1.1\r\nhost: localh`];
    const sockets = openings.map((opening) => {
      const socket = dial();
      if (opening !== '') socket.write(opening);
      socket.resume();
      return socket;
    });
    await expect.poll(() => gateway.load().connections).toBe(openings.length);
    // One byte now and then keeps nobody in.
    const drip = setInterval(() => sockets.at(-1)?.writable && sockets.at(-1)?.write('x'), 20);
    await Promise.all(
      sockets.map((socket) => new Promise((resolve) => (socket.closed ? resolve(undefined) : socket.once('close', resolve)))),
    );
    clearInterval(drip);
    expect(gateway.load().connections).toBe(0);
    expect(await somebodyElse()).toBe('job-1');
  });

  it('its request, is let go', async () => {
    await start({ requestMs: 100 });
    const stream = session().request(grpcHeaders(getJob));
    stream.on('error', () => undefined);
    stream.write(framed(new Uint8Array(10), 100));
    await new Promise((resolve) => stream.once('close', resolve));
    expect(gateway.load()).toMatchObject({ exchanges: 0, dropped: 1 });
    expect(behind.handled).toBe(0);
  });

  it('and asks nothing, is let go after a while', async () => {
    await start({ idleMs: 100 });
    const idle = session();
    await once(idle, 'connect');
    await once(idle, 'close');
    await expect.poll(() => gateway.load().connections).toBe(0);
  });
});

describe('many clients', () => {
  it('with a thousand streams that wait, cost as many exchanges, and leave none behind', async () => {
    await start();
    const body = framed(toBinary(jobv1.WatchJobRequestSchema, create(jobv1.WatchJobRequestSchema, { id: 'job-1' })));
    const streams: ClientHttp2Stream[] = [];
    const before = process.memoryUsage().heapUsed;
    for (let connection = 0; connection < 4; connection++) {
      const shared = session();
      for (let index = 0; index < 250; index++) {
        const stream = shared.request(grpcHeaders(watchJob));
        stream.on('error', () => undefined);
        stream.resume();
        stream.end(body);
        streams.push(stream);
      }
    }
    await expect.poll(() => behind.watching).toBe(1_000);
    expect(gateway.load()).toMatchObject({ connections: 4, exchanges: 1_000 });
    expect(await somebodyElse()).toBe('job-1');
    // Client and gateway together, in one process.
    expect((process.memoryUsage().heapUsed - before) / streams.length).toBeLessThan(200 * 1024);
    for (const each of open.splice(0)) each.destroy();
    await expect.poll(() => [behind.watching, gateway.load().exchanges]).toEqual([0, 0]);
  });

  it('beyond the number of connections are turned away, until others have gone', async () => {
    await start({ connections: 20 });
    const sockets = Array.from({ length: 25 }, () => dial());
    await expect.poll(() => gateway.load()).toMatchObject({ connections: 20, refused: 5 });
    await expect.poll(() => sockets.filter((socket) => socket.closed).length).toBe(5);
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => gateway.load().connections).toBe(0);
    expect(await somebodyElse()).toBe('job-1');
  });

  it('beyond the number of requests are told to come again', async () => {
    await start({ exchanges: 3 });
    const jobs = createClient(jobv1.JobService, createGrpcTransport({ baseUrl: gateway.url }));
    const leave = new AbortController();
    const waiting = [1, 2, 3].map(async () => {
      for await (const message of jobs.watchJob({ id: 'job-1' }, { signal: leave.signal })) void message;
    });
    await expect.poll(() => behind.watching).toBe(3);
    await expect(somebodyElse()).rejects.toMatchObject({ code: Code.Unavailable });
    leave.abort();
    await Promise.allSettled(waiting);
    await expect.poll(() => gateway.load().exchanges).toBe(0);
    expect(await somebodyElse()).toBe('job-1');
  });

  it('that open streams only to reset them are disconnected (CVE-2023-44487)', async () => {
    await start();
    const attacker = session();
    await once(attacker, 'connect');
    const closed = new Promise((resolve) => attacker.once('close', resolve));
    const body = framed(toBinary(jobv1.GetJobRequestSchema, create(jobv1.GetJobRequestSchema, { id: 'job-1' })));
    let sent = 0;
    const attack = setInterval(() => {
      for (let index = 0; index < 200 && !attacker.closed && !attacker.destroyed; index++, sent++) {
        const stream = attacker.request(grpcHeaders(watchJob));
        stream.on('error', () => undefined);
        stream.end(body);
        stream.close(constants.NGHTTP2_CANCEL);
      }
    }, 1);
    await closed;
    clearInterval(attack);
    await expect.poll(() => [behind.watching, gateway.load().exchanges]).toEqual([0, 0]);
    expect(sent).toBeLessThan(20_000);
    expect(await somebodyElse()).toBe('job-1');
  });
});
