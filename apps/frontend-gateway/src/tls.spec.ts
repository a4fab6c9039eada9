import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { jobv1 } from '@verbena/contracts';
import { manualClock } from '@verbena/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeCertificate } from './testing/index.ts';
import { fakeBus, fakeContext } from './gateway.fixture.ts';
import { startGateway, type Gateway } from './gateway.ts';
import { readTls, tlsFiles } from './tls.ts';

const authority = makeCertificate('the authority');
const bus = fakeBus();
bus.fake(jobv1.JobService, { getJob: ({ id }) => ({ job: { id } }) });
const facts = { version: '0', startedAt: new Date(0), dataDirectory: '', services: () => [] };

let directory: string;
let gateway: Gateway | undefined;
const path = (name: string) => join(directory, name);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'verbena-tls-'));
  await install('the gateway');
});
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
  await rm(directory, { recursive: true });
});

async function install(common: string): Promise<void> {
  const { certificate, key } = makeCertificate(common, authority);
  await writeFile(path('key.pem'), key);
  await writeFile(path('certificate.pem'), certificate);
}

const files = () => ({ certificate: path('certificate.pem'), key: path('key.pem') });

/** Whose certificate a new connection is shown. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca: authority.certificate, servername: 'localhost' }, () => {
      const { subject } = socket.getPeerCertificate() as PeerCertificate;
      socket.destroy();
      resolve(String(subject.CN));
    });
    socket.on('error', reject);
  });
}

describe('TLS', () => {
  const nodeOptions = { ca: authority.certificate };
  it.each([
    ['gRPC', (baseUrl: string) => createGrpcTransport({ baseUrl, nodeOptions })],
    ['Connect over HTTP/1.1', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions })],
    ['Connect over HTTP/2', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '2', nodeOptions })],
    ['gRPC-Web', (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1', nodeOptions })],
  ])('carries %s on the one port', async (_name, transport) => {
    gateway = await startGateway(fakeContext(bus), { facts, tls: files() });
    expect(gateway.url).toMatch(/^https:/);
    expect((await createClient(jobv1.JobService, transport(gateway.url)).getJob({ id: 'job-1' })).job?.id).toBe('job-1');
  });

  it('shows a renewed certificate when the files have changed, and keeps the old one when they are broken', async () => {
    const clock = manualClock();
    gateway = await startGateway({ ...fakeContext(bus), clock }, { facts, tls: files() });
    expect(await shown(gateway.port)).toBe('the gateway');
    await clock.untilSleeping();
    await writeFile(path('certificate.pem'), 'broken');
    await clock.advance(10_000);
    await clock.untilSleeping();
    expect(await shown(gateway.port)).toBe('the gateway');
    await install('the gateway, renewed');
    await clock.advance(10_000);
    await expect.poll(() => shown(gateway?.port ?? 0)).toBe('the gateway, renewed');
  });

  it('asks clients for certificates when it is given authorities', async () => {
    await writeFile(path('authorities.pem'), authority.certificate);
    gateway = await startGateway(fakeContext(bus), { facts, tls: { ...files(), clientAuthorities: path('authorities.pem') } });
    const call = (more: object) =>
      createClient(jobv1.JobService, createGrpcTransport({ baseUrl: gateway?.url ?? '', nodeOptions: { ...nodeOptions, ...more } })).getJob(
        { id: 'job-1' },
      );
    await expect(call({})).rejects.toThrow();
    const stranger = makeCertificate('stranger');
    await expect(call({ cert: stranger.certificate, key: stranger.key })).rejects.toThrow();
    const friend = makeCertificate('friend', authority);
    expect((await call({ cert: friend.certificate, key: friend.key })).job?.id).toBe('job-1');
  });

  it('says which file is wrong', async () => {
    await expect(readTls({ certificate: path('nowhere'), key: path('key.pem') })).rejects.toThrow(
      /certificate cannot be read from .*nowhere/,
    );
    await writeFile(path('key.pem'), makeCertificate('other').key);
    await expect(readTls(files())).rejects.toThrow(/are no certificate and its key/);
    expect(() => tlsFiles('a', undefined)).toThrow('name both files');
    expect(tlsFiles(undefined, undefined)).toBeUndefined();
  });
});
