/** Clients that mean harm, or are broken: what each of them may take of the gateway is bounded, and other callers notice nothing. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect as connectHttp2, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { eventv1, jobv1, storagev1 } from '@verbena/contracts';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authorization } from './authorization.ts';
import { fakeBus, fakeContext } from './gateway.fixture.ts';
import { startGateway, type Gateway } from './gateway.ts';
import type { ConnectionLimits } from './limits.ts';

const getJob = '/verbena.job.v1.JobService/GetJob';
const watchJob = '/verbena.job.v1.JobService/WatchJob';
const getFile = '/verbena.storage.v1.OutputService/GetFile';
const pieceBytes = 64 * 1024;

let gateway: Gateway;
let produced: number;
let handled: number;
let watching: number;
const open: { destroy(): void }[] = [];

async function start(limits: Partial<ConnectionLimits> = {}, host = '127.0.0.1'): Promise<void> {
  const bus = fakeBus();
  bus.fake(jobv1.JobService, {
    getJob: ({ id }) => {
      handled++;
      return { job: { id } };
    },
    watchJob: async function* (_request, { signal }) {
      watching++;
      yield {};
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      watching--;
    },
  });
  bus.fake(storagev1.OutputService, {
    getFile: async function* (_request, { signal }) {
      const data = new Uint8Array(pieceBytes);
      for (; !signal.aborted; produced++) yield { data };
    },
  });
  const facts = { version: '0', startedAt: new Date(0), dataDirectory: '', services: () => [] };
  gateway = await startGateway(fakeContext(bus), { facts, limits, listen: { host }, auth: { mode: 'single-user' } });
}

beforeEach(() => {
  produced = handled = watching = 0;
});
afterEach(async () => {
  for (const each of open.splice(0)) each.destroy();
  await gateway.stop();
});

/** Somebody else, on a connection of its own, who shall notice nothing. */
async function somebodyElse(): Promise<string | undefined> {
  const jobs = createClient(jobv1.JobService, createGrpcTransport({ baseUrl: gateway.url }));
  return (await jobs.getJob({ id: 'job-1' }, { timeoutMs: 20_000 })).job?.id;
}

function session(): ClientHttp2Session {
  const made = connectHttp2(gateway.url);
  made.on('error', () => undefined);
  open.push(made);
  return made;
}

function dial(): Socket {
  const socket = connect(gateway.port, gateway.host);
  socket.on('error', () => undefined);
  open.push(socket);
  return socket;
}

const grpcHeaders = (path: string) => ({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });

/** A message in the frame that gRPC puts around it: a byte of flags, and its length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
function framed(message: Uint8Array, length = message.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** Posts a body over HTTP/1.1. */
function post(path: string, contentType: string, body: Uint8Array): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': contentType, 'content-length': body.length };
    const sent = httpRequest({ host: gateway.host, port: gateway.port, method: 'POST', path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (data: string) => (text += data));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Sends bytes as a gRPC request and gives the status that comes back. */
async function grpcStatus(path: string, body: Uint8Array): Promise<{ status: number; message: string }> {
  const stream = session().request(grpcHeaders(path));
  let status: { status: number; message: string } | undefined;
  const note = (headers: Record<string, unknown>): void => {
    if (headers['grpc-status'] !== undefined)
      status = { status: Number(headers['grpc-status']), message: decodeURIComponent(String(headers['grpc-message'] ?? '')) };
  };
  stream.on('response', note);
  stream.on('trailers', note);
  stream.on('error', () => undefined);
  stream.end(body);
  stream.resume();
  await once(stream, 'close');
  return status ?? { status: -1, message: '' };
}

describe('malformed requests', () => {
  beforeEach(() => start());

  it('for hosts that are none, or for none, are refused where any host would do', async () => {
    await gateway.stop();
    await start({}, '0.0.0.0');
    const rest = 'content-type: application/json\r\ncontent-length: 2\r\n\r\n{}';
    for (const head of [
      'HTTP/1.0\r\n',
      'HTTP/1.1\r\nhost: [\r\nconnection: close\r\n',
      'HTTP/1.1\r\nhost: a b:c\r\nconnection: close\r\n',
    ]) {
      const socket = connect(gateway.port, '127.0.0.1');
      open.push(socket);
      socket.end(`POST ${getJob} ${head}${rest}`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1.1 400 /);
    }
    expect(handled).toBe(0);
  });

  it('are refused as such, whatever bytes they have, in every protocol', async () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom('application/proto', 'application/json'), async (body, type) => {
        const { status, text } = await post(getJob, type, body);
        // A few bodies are messages by chance. What cannot be decoded at all is INTERNAL, as gRPC has it for every server.
        if (status !== 500) expect([200, 400]).toContain(status);
        else expect(JSON.parse(text)).toMatchObject({ code: 'internal', message: expect.stringMatching(/^parse binary: /) as string });
      }),
      { numRuns: 60, seed: 5 },
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (body) => {
        const { status, message } = await grpcStatus(getJob, framed(body));
        if (status !== Code.Internal) expect([0, Code.InvalidArgument]).toContain(status);
        else expect(message).toMatch(/^parse binary: /);
      }),
      { numRuns: 20, seed: 6 },
    );
    expect(await somebodyElse()).toBe('job-1');
  });

  it('are refused when a frame is cut off, or says that it is longer than anything could be', async () => {
    const message = toBinary(jobv1.GetJobRequestSchema, create(jobv1.GetJobRequestSchema, { id: 'job-1' }));
    expect((await grpcStatus(getJob, framed(message).subarray(0, 7))).status).toBe(Code.InvalidArgument);
    expect(await grpcStatus(getJob, framed(message, 0xffff_ffff))).toMatchObject({ status: Code.ResourceExhausted });
    expect(handled).toBe(0);
    expect(await somebodyElse()).toBe('job-1');
  });
});

describe('a request that is too large', () => {
  beforeEach(() => start());

  it('is refused with the limit of its RPC, before its bytes are taken', async () => {
    const rows = authorization.flatMap(({ service, rules }) =>
      service.methods.map((method) => ({ service, method, rule: rules[method.localName] })),
    );
    const unary = rows.filter(({ method, rule }) => method.methodKind === 'unary' && rule?.needs !== 'internal');
    expect(unary.length).toBeGreaterThan(25);
    for (const { service, method, rule } of unary) {
      const limit = rule?.requestBytes ?? 0;
      const refusal = await grpcStatus(`/${service.typeName}/${method.name}`, framed(new Uint8Array(8), limit + 1));
      expect(refusal, method.name).toMatchObject({ status: Code.ResourceExhausted });
      expect(refusal.message, method.name).toContain(String(limit));
    }
  });

  it('is refused in the older protocol too, where only the headers tell', async () => {
    const { status, text } = await post(getJob, 'application/proto', new Uint8Array(300 * 1024));
    expect({ status, text: text.includes('resource_exhausted') }).toEqual({ status: 429, text: true });
    const filter = { types: Array.from({ length: 65 }, () => 'x') };
    const tooMany = toBinary(eventv1.ListEventsRequestSchema, create(eventv1.ListEventsRequestSchema, { filter }));
    const refused = await post('/verbena.event.v1.EventService/ListEvents', 'application/proto', tooMany);
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.text)).toMatchObject({ code: 'invalid_argument', details: [{ type: 'google.rpc.BadRequest' }] });
  });
});

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
    expect(produced).toBeLessThan(32);
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
    await expect.poll(() => gateway.load().dropped, { timeout: 10_000 }).toBe(1);
    // A socket on loopback may hold several megabytes on either side.
    expect(produced * pieceBytes).toBeLessThan(32 << 20);
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
    await Promise.all(sockets.map((socket) => (socket.closed ? undefined : once(socket, 'close'))));
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
    expect(handled).toBe(0);
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
    await expect.poll(() => watching, { timeout: 20_000 }).toBe(1_000);
    expect(gateway.load()).toMatchObject({ connections: 4, exchanges: 1_000 });
    expect(await somebodyElse()).toBe('job-1');
    // Client and gateway together, in one process.
    expect((process.memoryUsage().heapUsed - before) / streams.length).toBeLessThan(200 * 1024);
    for (const each of open.splice(0)) each.destroy();
    await expect.poll(() => [watching, gateway.load().exchanges], { timeout: 20_000 }).toEqual([0, 0]);
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
    await expect.poll(() => watching).toBe(3);
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
    await expect.poll(() => [watching, gateway.load().exchanges]).toEqual([0, 0]);
    expect(sent).toBeLessThan(20_000);
    expect(await somebodyElse()).toBe('job-1');
  });
});
