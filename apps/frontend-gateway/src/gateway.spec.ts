import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type HandlerContext } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { clusterv1, eventv1, jobv1, nodev1, storagev1, vmv1 } from '@verbena/contracts';
import { identityOf } from '@verbena/messaging';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeBus, fakeContext } from './gateway.fixture.ts';
import { startGateway, type Gateway } from './gateway.ts';
import { userHeader } from './identity.ts';

const bus = fakeBus();
let gateway: Gateway;
let aborted: string[];
let seen: HandlerContext | undefined;

beforeEach(async () => {
  aborted = [];
  seen = undefined;
  bus.fake(jobv1.JobService, {
    submitJob: (message, context) => {
      seen = context;
      return {
        job: create(jobv1.JobSchema, { id: 'job-1', actor: identityOf(context).actor, spec: message.spec ?? create(jobv1.JobSpecSchema) }),
      };
    },
    getJob: ({ id }) => {
      throw new ConnectError(`there is no job ${id}`, Code.NotFound);
    },
    listJobs: () => ({
      jobs: [create(jobv1.JobSchema, { state: jobv1.JobState.QUEUED }), create(jobv1.JobSchema, { state: jobv1.JobState.RUNNING })],
    }),
    cancelJob: async (_message, context) => {
      await new Promise((_resolve, reject) => context.signal.addEventListener('abort', () => reject(new Error('late'))));
      return {};
    },
    watchJob: async function* (_message, context) {
      context.signal.addEventListener('abort', () => aborted.push('watchJob'));
      for (const state of [jobv1.JobState.QUEUED, jobv1.JobState.RUNNING]) yield { job: create(jobv1.JobSchema, { state }) };
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
    },
  });
  bus.fake(nodev1.NodeService, {
    listNodes: () => ({
      nodes: [
        { cores: 2, coresUsed: 1 },
        { cores: 2, coresUsed: 0 },
      ],
    }),
  });
  bus.fake(vmv1.VmService, { listVms: () => ({ vms: [{}] }) });
  bus.fake(eventv1.EventService, { listEvents: () => ({ events: [{ position: 42n }] }) });
  gateway = await startGateway(fakeContext(bus), {
    facts: {
      version: '0.1.0',
      startedAt: new Date(0),
      dataDirectory: 'data',
      services: () => [{ name: 'scheduler', notReady: () => Promise.resolve('no database'), stop: () => Promise.resolve() }],
    },
    maxRequestBytes: 4096,
  });
});
afterEach(() => gateway.stop());

const transports = {
  'Connect/JSON over HTTP/1.1': () => createConnectTransport({ baseUrl: gateway.url, httpVersion: '1.1' }),
  'gRPC over HTTP/2': () => createGrpcTransport({ baseUrl: gateway.url }),
  'gRPC-Web over HTTP/1.1': () => createGrpcWebTransport({ baseUrl: gateway.url, httpVersion: '1.1' }),
};

describe.each(Object.entries(transports))('the gateway, spoken to in %s', (_name, transport) => {
  it('forwards a call with who made it, and no other header from outside', async () => {
    const jobs = createClient(jobv1.JobService, transport());
    const headers = {
      [userHeader]: 'alice',
      'verbena-actor': 'root',
      traceparent: '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01',
    };
    const { job } = await jobs.submitJob({ spec: { name: 'ep', processes: 8 } }, { headers, timeoutMs: 60_000 });
    expect(job).toMatchObject({ actor: 'alice', spec: { name: 'ep', processes: 8 } });
    expect(seen?.requestHeader.get('traceparent')).toContain('0123456789abcdef0123456789abcdef');
    expect(seen?.requestHeader.get(userHeader)).toBeNull();
    expect(seen?.timeoutMs()).toBeGreaterThan(0);
  });

  it('passes on the code and message of a refusal', async () => {
    const jobs = createClient(jobv1.JobService, transport());
    await expect(jobs.getJob({ id: 'job-x' })).rejects.toMatchObject({ code: Code.NotFound, rawMessage: 'there is no job job-x' });
  });

  it('streams, and tells the service when the client has gone', async () => {
    const jobs = createClient(jobv1.JobService, transport());
    const leave = new AbortController();
    const states: jobv1.JobState[] = [];
    await expect(async () => {
      for await (const { job } of jobs.watchJob({ id: 'job-1' }, { signal: leave.signal })) {
        states.push(job?.state ?? jobv1.JobState.UNSPECIFIED);
        if (states.length === 2) leave.abort();
      }
    }).rejects.toMatchObject({ code: Code.Canceled });
    expect(states).toEqual([jobv1.JobState.QUEUED, jobv1.JobState.RUNNING]);
    await expect.poll(() => aborted).toEqual(['watchJob']);
  });

  it('ends a call at its deadline', async () => {
    const jobs = createClient(jobv1.JobService, transport());
    await expect(jobs.cancelJob({ id: 'job-1' }, { timeoutMs: 50 })).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  });

  it('refuses what is for services only', async () => {
    const denied = { code: Code.PermissionDenied };
    await expect(createClient(jobv1.JobService, transport()).reportRank({ jobId: 'job-1' })).rejects.toMatchObject(denied);
    await expect(createClient(nodev1.NodeAgentService, transport()).bootVm({ vmId: 'vm-1' })).rejects.toMatchObject(denied);
    await expect(createClient(eventv1.EventService, transport()).appendEvents({ stream: 'job-1' })).rejects.toMatchObject(denied);
    await expect(createClient(storagev1.OutputService, transport()).sealOutput({ jobId: 'job-1' })).rejects.toMatchObject(denied);
  });

  it('refuses a request that is too large', async () => {
    const jobs = createClient(jobv1.JobService, transport());
    await expect(jobs.submitJob({ spec: { stdin: new Uint8Array(8192) } })).rejects.toMatchObject({ code: Code.ResourceExhausted });
  });

  it('says UNAVAILABLE when a service is not there', async () => {
    const chunks = createClient(storagev1.ChunkService, transport());
    await expect(chunks.missingChunks({ digests: [] })).rejects.toMatchObject({ code: Code.Unavailable });
  });

  it('tells how the cluster fares', async () => {
    const status = await createClient(clusterv1.ClusterService, transport()).getStatus({});
    expect(status).toMatchObject({
      nodes: 2,
      cores: 4,
      coresUsed: 1,
      jobsQueued: 1,
      jobsRunning: 1,
      vms: 1,
      events: 42n,
      dataDirectory: 'data',
    });
    expect(status.services).toMatchObject([{ name: 'scheduler', ready: false, detail: 'no database' }]);
  });
});

describe('a call that nobody could take', () => {
  const submissions: string[] = [];
  beforeEach(() => {
    submissions.length = 0;
    bus.fake(jobv1.JobService, {
      submitJob: ({ idempotencyKey }) => {
        submissions.push(idempotencyKey);
        if (submissions.length < 3) throw new ConnectError('the scheduler is being replaced', Code.Unavailable);
        return { job: { id: 'job-1' } };
      },
      cancelJob: () => {
        submissions.push('cancel');
        throw new ConnectError('not like this', Code.FailedPrecondition);
      },
    });
  });
  const jobs = () => createClient(jobv1.JobService, createGrpcTransport({ baseUrl: gateway.url }));

  it('is tried again under one key, so that it creates nothing twice', async () => {
    expect((await jobs().submitJob({ spec: { name: 'ep', processes: 1 } })).job?.id).toBe('job-1');
    expect(submissions).toHaveLength(3);
    expect(submissions[0]).toMatch(/^gateway-[0-9a-f]{32}$/);
    expect(new Set(submissions).size).toBe(1);
  });

  it('keeps the key that the client gave', async () => {
    await jobs().submitJob({ spec: { name: 'ep', processes: 1 }, idempotencyKey: 'mine' });
    expect(submissions).toEqual(['mine', 'mine', 'mine']);
  });

  it('is not tried again when somebody took it and refused', async () => {
    await expect(jobs().cancelJob({ id: 'job-1' })).rejects.toMatchObject({ code: Code.FailedPrecondition });
    expect(submissions).toEqual(['cancel']);
  });
});

describe('the port', () => {
  it('ends streams with UNAVAILABLE when the gateway stops', async () => {
    const jobs = createClient(jobv1.JobService, createGrpcTransport({ baseUrl: gateway.url }));
    await expect(async () => {
      for await (const { job } of jobs.watchJob({ id: 'job-1' })) if (job?.state === jobv1.JobState.RUNNING) void gateway.stop();
    }).rejects.toMatchObject({ code: Code.Unavailable });
  });

  it('rejects when it is taken', async () => {
    const facts = { version: '0', startedAt: new Date(0), dataDirectory: '', services: () => [] };
    await expect(startGateway(fakeContext(bus), { listen: { port: gateway.port }, facts })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('answers only to requests addressed to loopback', async () => {
    const status = await new Promise((resolve, reject) => {
      const path = '/verbena.cluster.v1.ClusterService/GetStatus';
      const headers = { host: 'evil.example', 'content-type': 'application/json' };
      request({ host: gateway.host, port: gateway.port, method: 'POST', path, headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end('{}');
    });
    expect(status).toBe(421);
  });

  it('tells HTTP/1 from HTTP/2 when the first bytes come one by one', async () => {
    const path = '/verbena.cluster.v1.ClusterService/GetStatus';
    const text = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}`;
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(gateway.port, gateway.host);
      let received = '';
      socket.setNoDelay(true);
      socket.on('data', (data) => (received += data.toString()));
      socket.on('error', reject);
      socket.on('close', () => resolve(received));
      void (async () => {
        for (const byte of text.slice(0, 3)) {
          socket.write(byte);
          await new Promise((tick) => setTimeout(tick, 5));
        }
        socket.write(text.slice(3));
      })();
    });
    expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
    expect(answer).toContain('"events":"42"');
  });
});
