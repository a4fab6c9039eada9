/** Requests that are malformed, too large, or too many: refused for what they are, and bounded in memory. */
import { once } from 'node:events';
import { constants, type ClientHttp2Stream } from 'node:http2';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { eventv1, jobv1 } from '@verbena/contracts';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authorization } from './authorization.ts';
import {
  behind,
  end,
  framed,
  gateway,
  getJob,
  grpcHeaders,
  grpcStatus,
  open,
  post,
  session,
  somebodyElse,
  start,
  statusOf,
} from './hostile.fixture.ts';

afterEach(() => end());

describe('malformed requests', () => {
  beforeEach(() => start());

  it('for hosts that are none, or for none, are refused where any host would do', async () => {
    await gateway.stop();
    await start({}, '0.0.0.0', 'tokens');
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
    expect(behind.handled).toBe(0);
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
    expect(behind.handled).toBe(0);
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

describe('the bytes of requests', () => {
  const submitJob = '/verbena.job.v1.JobService/SubmitJob';
  const MiB = 1 << 20;

  /** Sends headers and a part of a large request, and goes on holding it. */
  function partly(bytes: number): ClientHttp2Stream {
    const stream = session().request(grpcHeaders(submitJob));
    stream.on('error', () => undefined);
    stream.resume();
    stream.write(framed(new Uint8Array(bytes), 8 * MiB));
    return stream;
  }

  it('are not read before the caller is let in', async () => {
    await start({}, '127.0.0.1', 'tokens');
    expect((await statusOf(partly(0))).status).toBe(Code.Unauthenticated);
    const body = { 'content-type': 'application/json', authorization: `Bearer vbn_${'x'.repeat(43)}` };
    const answer = await fetch(`${gateway.url}${submitJob}`, { method: 'POST', headers: body, body: '{'.repeat(100_000) });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([401, 'unauthenticated']);
    expect(gateway.load().heldBytes).toBe(0);
  });

  it('are bounded over all requests together, and those who come later are told to come again', async () => {
    await start({ requestBytes: 2 * MiB });
    const holder = partly(MiB + 1);
    await expect.poll(() => gateway.load().heldBytes).toBeGreaterThan(MiB);
    const refused = await grpcStatus(submitJob, framed(new Uint8Array(MiB)));
    expect(refused).toMatchObject({ status: Code.ResourceExhausted, message: expect.stringContaining('try again') as string });
    expect(await somebodyElse()).toBe('job-1');
    holder.close(constants.NGHTTP2_CANCEL);
    await expect.poll(() => gateway.load().heldBytes).toBe(0);
    expect((await grpcStatus(submitJob, framed(new Uint8Array(MiB)))).status).not.toBe(Code.ResourceExhausted);
  });

  it('count as what they are when they are unpacked', async () => {
    await start();
    const bomb = gzipSync(new Uint8Array(64 * MiB));
    expect(bomb.length).toBeLessThan(256 * 1024);
    const packed = framed(bomb);
    packed[0] = 1;
    expect((await grpcStatus(getJob, packed, { 'grpc-encoding': 'gzip' })).status).toBe(Code.ResourceExhausted);
    expect(behind.handled).toBe(0);
  });
});
