/**
 * A gateway for clients that mean harm, or are broken: with fakes of the services behind it that count what they do, and ways to speak to it below
 * the level at which a well-behaved client could.
 */
import { request as httpRequest } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { identityv1, jobv1, storagev1 } from '@verbena/contracts';

import type { AuthMode } from './bootstrap.ts';
import { fakeBus, fakeContext } from './gateway.fixture.ts';
import { startGateway, type Gateway } from './gateway.ts';
import type { ConnectionLimits } from './limits.ts';

export const getJob = '/verbena.job.v1.JobService/GetJob';
export const watchJob = '/verbena.job.v1.JobService/WatchJob';
export const getFile = '/verbena.storage.v1.OutputService/GetFile';
export const pieceBytes = 64 * 1024;

/** What the services behind the gateway have done: pieces of a file, calls, and streams that wait. */
export const behind = { produced: 0, handled: 0, watching: 0 };
export let gateway: Gateway;
export const open: { destroy(): void }[] = [];

export async function start(limits: Partial<ConnectionLimits> = {}, host = '127.0.0.1', mode: AuthMode = 'single-user'): Promise<void> {
  Object.assign(behind, { produced: 0, handled: 0, watching: 0 });
  const bus = fakeBus();
  bus.fake(jobv1.JobService, {
    getJob: ({ id }) => {
      behind.handled++;
      return { job: { id } };
    },
    watchJob: async function* (_request, { signal }) {
      behind.watching++;
      yield {};
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      behind.watching--;
    },
  });
  bus.fake(storagev1.OutputService, {
    getFile: async function* (_request, { signal }) {
      const data = new Uint8Array(pieceBytes);
      for (; !signal.aborted; behind.produced++) yield { data };
    },
  });
  bus.fake(identityv1.CredentialService, {
    authenticate: () => {
      throw new ConnectError('the token is not known', Code.Unauthenticated);
    },
  });
  const facts = { version: '0', startedAt: new Date(0), dataDirectory: '', services: () => [] };
  gateway = await startGateway(fakeContext(bus), { facts, limits, listen: { host }, auth: { mode } });
}

/** Closes every connection and stops the gateway. */
export async function end(): Promise<void> {
  for (const each of open.splice(0)) each.destroy();
  await gateway.stop();
}

/** Somebody else, on a connection of its own, who shall notice nothing. */
export async function somebodyElse(): Promise<string | undefined> {
  const jobs = createClient(jobv1.JobService, createGrpcTransport({ baseUrl: gateway.url }));
  return (await jobs.getJob({ id: 'job-1' }, { timeoutMs: 20_000 })).job?.id;
}

export function session(): ClientHttp2Session {
  const made = connectHttp2(gateway.url);
  made.on('error', () => undefined);
  open.push(made);
  return made;
}

export function dial(): Socket {
  const socket = connect(gateway.port, gateway.host);
  socket.on('error', () => undefined);
  open.push(socket);
  return socket;
}

export const grpcHeaders = (path: string) => ({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });

/** A message in the frame that gRPC puts around it: a byte of flags, and its length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export function framed(message: Uint8Array, length = message.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** Posts a body over HTTP/1.1. */
export function post(path: string, contentType: string, body: Uint8Array): Promise<{ status: number; text: string }> {
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

export interface Status {
  readonly status: number;
  readonly message: string;
}

/** The status that a stream ends with, in its headers or behind its messages, whether or not the request is complete. */
export function statusOf(stream: ClientHttp2Stream): Promise<Status> {
  const { promise, resolve } = Promise.withResolvers<Status>();
  const note = (headers: Record<string, unknown>): void => {
    if (headers['grpc-status'] !== undefined)
      resolve({ status: Number(headers['grpc-status']), message: decodeURIComponent(String(headers['grpc-message'] ?? '')) });
  };
  stream.on('response', note);
  stream.on('trailers', note);
  stream.on('error', () => undefined);
  stream.once('close', () => resolve({ status: -1, message: 'closed without a status' }));
  stream.resume();
  return promise;
}

/** Sends bytes as a gRPC request and gives the status that comes back. */
export function grpcStatus(path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Status> {
  const stream = session().request({ ...grpcHeaders(path), ...headers });
  stream.end(body);
  return statusOf(stream);
}
