/**
 * A client that has nothing of ours: @grpc/grpc-js, which knows the protocols of reflection and health from their published files, and learns
 * everything else from the server, as grpcurl does.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, type FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import {
  credentials,
  loadPackageDefinition,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ClientReadableStream,
  type GrpcObject,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, loadSync, type Options } from '@grpc/proto-loader';
import { jobv1, reflectionv1 } from '@verbena/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeBus, fakeContext } from './gateway.fixture.ts';
import { startGateway, type Gateway } from './gateway.ts';
import { Reflection } from './reflection.ts';

const published = new URL('../../../libs/contracts/standard', import.meta.url).pathname;
const options: Options = { keepCase: false, longs: String, enums: String, defaults: true, oneofs: true };

interface Foreign {
  close(): void;
  [method: string]: (...args: unknown[]) => unknown;
}

/** A client of a service in a package that was loaded at run time. */
function clientOf(definition: Parameters<typeof loadPackageDefinition>[0], name: string, address: string): Foreign {
  const found = name.split('.').reduce<unknown>((at, part) => (at as GrpcObject)[part], loadPackageDefinition(definition));
  const Client = found as new (address: string, channel: ChannelCredentials) => Foreign;
  return new Client(address, credentials.createInsecure());
}

const standard = (file: string) => loadSync(file, { ...options, includeDirs: [published] });

/** A unary call as a promise. */
function call<T>(client: Foreign, method: string, request: object): Promise<T> {
  return new Promise((resolve, reject) => {
    client[method]?.(request, (error: ServiceError | null, answer: T) => (error ? reject(error) : resolve(answer)));
  });
}

interface ReflectionAnswer {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly errorResponse?: { readonly errorCode: number };
}

let gateway: Gateway;
let address: string;
let ready: string | undefined;
const clients: Foreign[] = [];
const bus = fakeBus();

beforeEach(async () => {
  ready = undefined;
  bus.fake(jobv1.JobService, {
    getJob: ({ id }) => ({ job: { id, state: jobv1.JobState.RUNNING, ranks: [{ rank: 3, nodeId: 'node-0' }] } }),
  });
  const services = () => [{ name: 'scheduler', notReady: () => Promise.resolve(ready), stop: () => Promise.resolve() }];
  gateway = await startGateway(fakeContext(bus), { facts: { version: '0', startedAt: new Date(0), dataDirectory: '', services } });
  address = `127.0.0.1:${gateway.port}`;
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await gateway.stop();
});

function open(definition: Parameters<typeof loadPackageDefinition>[0], name: string): Foreign {
  const client = clientOf(definition, name, address);
  clients.push(client);
  return client;
}

/** Asks reflection, one question after another on one stream. */
async function ask(version: 'v1' | 'v1alpha', ...questions: object[]): Promise<ReflectionAnswer[]> {
  const client = open(standard(`grpc/reflection/${version}/reflection.proto`), `grpc.reflection.${version}.ServerReflection`);
  const stream = client['serverReflectionInfo']?.() as ClientDuplexStream<object, ReflectionAnswer>;
  const answers: ReflectionAnswer[] = [];
  for (const question of questions) stream.write(question);
  stream.end();
  for await (const answer of stream) answers.push(answer as ReflectionAnswer);
  return answers;
}

describe.each(['v1', 'v1alpha'] as const)('reflection %s', (version) => {
  it('is enough to make a call', async () => {
    const [listed, described] = await ask(version, { listServices: '' }, { fileContainingSymbol: 'verbena.job.v1.JobService' });
    const names = listed?.listServicesResponse?.service.map(({ name }) => name);
    expect(names).toContain('verbena.job.v1.JobService');
    expect(names).toContain(`grpc.reflection.${version}.ServerReflection`);
    expect(names).not.toContain('verbena.node.v1.NodeAgentService');
    const file = (described?.fileDescriptorResponse?.fileDescriptorProto ?? []).map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    const set = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: inOrder(file) }));
    const jobs = open(loadFileDescriptorSetFromBuffer(Buffer.from(set), options), 'verbena.job.v1.JobService');
    const answer = await call<{ job: object }>(jobs, 'getJob', { id: 'job-7k2m9q' });
    expect(answer.job).toMatchObject({ id: 'job-7k2m9q', state: 'JOB_STATE_RUNNING', ranks: [{ rank: 3, node_id: 'node-0' }] });
    const refused = await call(jobs, 'getJob', { id: '' }).catch((error: unknown) => error as ServiceError);
    expect(refused).toMatchObject({ code: 3 });
    // The client leaves characters encoded that a URI would reserve.
    expect(decodeURIComponent((refused as ServiceError).details)).toContain('GetJob: id: ');
  });

  it('finds files by name, symbols of every kind and extensions, and says what it does not have', async () => {
    const answers = await ask(
      version,
      { fileByFilename: 'verbena/job/v1/job.proto' },
      { fileContainingSymbol: 'verbena.job.v1.JobSpec.name' },
      { fileContainingSymbol: 'verbena.job.v1.JobService.SubmitJob' },
      { fileContainingExtension: { containingType: 'google.protobuf.FieldOptions', extensionNumber: 1159 } },
      { allExtensionNumbersOfType: 'google.protobuf.FieldOptions' },
      { fileContainingSymbol: 'verbena.job.v1.Nothing' },
      { fileByFilename: '../../etc/passwd' },
    );
    expect(answers.slice(0, 4).map(({ fileDescriptorResponse }) => (fileDescriptorResponse?.fileDescriptorProto.length ?? 0) > 0)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(answers[4]).toMatchObject({ allExtensionNumbersResponse: { extensionNumber: expect.arrayContaining([1159]) as number[] } });
    expect(answers.slice(5).map(({ errorResponse }) => errorResponse?.errorCode)).toEqual([5, 5]);
  });
});

describe('health', () => {
  const health = () => open(standard('grpc/health/v1/health.proto'), 'grpc.health.v1.Health');

  it('tells of the gateway and of each service, as the part behind it is', async () => {
    expect(await call(health(), 'check', { service: '' })).toEqual({ status: 'SERVING' });
    expect(await call(health(), 'check', { service: 'verbena.job.v1.JobService' })).toEqual({ status: 'SERVING' });
    ready = 'no database';
    expect(await call(health(), 'check', { service: 'verbena.job.v1.JobService' })).toEqual({ status: 'NOT_SERVING' });
    expect(await call(health(), 'check', { service: 'verbena.image.v1.ImageService' })).toEqual({ status: 'NOT_SERVING' });
    await expect(call(health(), 'check', { service: 'nobody' })).rejects.toMatchObject({ code: 5 });
  });

  it('tells a watcher of every change', async () => {
    const stream = health()['watch']?.({ service: 'verbena.job.v1.JobService' }) as ClientReadableStream<{ status: string }>;
    const seen: string[] = [];
    for await (const { status } of stream as AsyncIterable<{ status: string }>) {
      seen.push(status);
      ready = seen.length === 1 ? 'no database' : undefined;
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(['SERVING', 'NOT_SERVING', 'SERVING']);
  });
});

describe('the descriptors', () => {
  it('come with everything that they import', () => {
    const reflection = new Reflection([jobv1.JobService]);
    const answer = reflection.answer(
      create(reflectionv1.ServerReflectionRequestSchema, { messageRequest: { case: 'fileByFilename', value: 'verbena/job/v1/job.proto' } }),
    );
    const files = answer.case === 'fileDescriptorResponse' ? (answer.value.fileDescriptorProto ?? []) : [];
    const protos = files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    const names = new Set(protos.map(({ name }) => name));
    expect(protos.flatMap(({ dependency }) => dependency).filter((name) => !names.has(name))).toEqual([]);
    expect(names.size).toBe(protos.length);
  });
});

/** Files after those that they import, as a FileDescriptorSet has them. */
function inOrder(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const ordered: FileDescriptorProto[] = [];
  const add = (file: FileDescriptorProto): void => {
    if (ordered.includes(file)) return;
    for (const name of file.dependency) {
      const dependency = files.find((candidate) => candidate.name === name);
      if (dependency) add(dependency);
    }
    ordered.push(file);
  };
  files.forEach(add);
  return ordered;
}
