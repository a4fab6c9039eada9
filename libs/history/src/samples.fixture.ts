/** One event of each type as it is written today. Optional fields are given too, so that a shape that grows is noticed. */
import type { DistributionEvent, ImageEvent } from '@verbena/domain-image';
import type { TenantEvent, TokenEvent, UserEvent } from '@verbena/domain-identity';
import type { JobEvent } from '@verbena/domain-job';
import type { MigrationEvent } from '@verbena/domain-migration';
import type { NodeEvent } from '@verbena/domain-node';
import type { VmEvent } from '@verbena/domain-vm';

type AnyEvent = TenantEvent | UserEvent | TokenEvent | JobEvent | VmEvent | NodeEvent | ImageEvent | DistributionEvent | MigrationEvent;
type Whole<T> = T extends readonly (infer I)[]
  ? readonly Whole<I>[]
  : T extends object
    ? { readonly [K in keyof T]-?: Whole<Exclude<T[K], undefined>> }
    : T;
export type Samples = { readonly [T in AnyEvent['type']]: Whole<Extract<AnyEvent, { type: T }>['data']> };

const at = 1_763_712_000_000;
const digest = `sha256:${'ab'.repeat(32)}`;
const route = { vmId: 'vm-4x8t1z', sourceNodeId: 'node-0', targetNodeId: 'node-1' };
const tree = { nodeId: 'node-0', round: 1, children: [{ nodeId: 'node-1', round: 2, children: [] }] };
const spec: Samples['JobSubmitted']['spec'] = {
  name: 'cg',
  image: 'cg:3',
  requirements: { os: 'verbena', abiVersion: '1', libraries: { mpi: '3.1' }, labels: { site: 'here' } },
  processes: 2,
  vms: 2,
  vcpusPerVm: 1,
  memoryBytes: 67_108_864,
  args: ['-v'],
  env: { OMP_NUM_THREADS: '1' },
  stdin: 'aGVsbG8=',
  walltimeMs: 60_000,
  outputLimitBytes: 1_048_576,
  placementPolicy: 'spread',
  ioPath: 'bypass',
  priority: 0,
  inputFiles: [{ path: 'a.txt', size: 5, chunks: [digest] }],
  onNodeLoss: 'requeue',
  maxRequeues: 3,
};

export const samples: Samples = {
  JobSubmitted: {
    jobId: 'job-7k2m9q',
    spec,
    actor: 'ada',
    tenant: 'physics',
    roles: ['user'],
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    at,
  },
  JobMatched: { imageDigest: digest, imageName: 'cg', imageVersion: 3, imageBytes: 300_000, memoryBytes: 67_108_864, at },
  JobWaiting: { reason: 'no cores are free', at },
  JobPlaced: {
    policy: 'spread',
    cost: 2.5,
    assignments: [{ rank: 0, vmId: 'vm-4x8t1z', nodeId: 'node-0', nodeName: 'host-0', nodeEpoch: 2, reused: false }],
    evicted: ['vm-9z9z9z'],
    at,
  },
  JobImageReady: { distributionId: 'dist-5h3j7c', nodes: 2, rounds: 2, bytes: 600_000, at },
  JobStarted: { booted: 1, reused: 1, pkey: 32_770, at },
  RankExited: {
    rank: 0,
    vmId: 'vm-4x8t1z',
    cause: 'exited',
    exitCode: 0,
    detail: '',
    bytesSent: 1024,
    messagesSent: 8,
    vmmOperations: 12,
    dataPathVmmOperations: 0,
    cpuSeconds: 0.25,
    memoryBytesUsed: 1_048_576,
    outputFiles: 1,
    io: {
      driverDomainOperations: 0,
      adapterOperations: 9,
      copiedBytes: 1024,
      channelMessages: 0,
      channelBytes: 0,
      seconds: { guest: 0.2, idle: 0.05 },
    },
    at,
  },
  JobEnding: { cause: 'exited', exitCode: 0, reason: '', at },
  JobRequeueing: { reason: 'back in the queue: node-1 was lost', at },
  JobRequeued: { reason: 'node-1 was lost', at },
  JobCompleted: { exitCode: 0, at },
  JobFailed: { cause: 'trapped', exitCode: 134, reason: 'rank 0 crashed', at },
  JobCancelled: { exitCode: 130, reason: 'ada cancelled it', at },
  VmCreated: { nodeId: 'node-0', imageDigest: digest, memoryBytes: 67_108_864, vcpus: 1, tenant: 'physics', jobId: 'job-7k2m9q' },
  VmBooted: { seconds: 0.0015 },
  VmStarted: { jobId: 'job-7k2m9q', rank: 0 },
  VmIdle: { jobId: 'job-7k2m9q' },
  VmCrashed: { detail: 'unreachable at 0x12' },
  VmShutDown: { reason: 'evicted' },
  VmLost: { reason: 'node-0 was lost' },
  NodeRegistered: {
    node: {
      name: 'host-0',
      cores: 2,
      memoryBytes: 1_073_741_824,
      lid: 1,
      portGuid: '0x1',
      hypervisor: 'embedded',
      fabricEndpoint: '10.0.0.1:7000',
    },
    epoch: 1,
    at,
  },
  NodeDrained: { reason: 'new memory', at },
  NodeResumed: { at },
  NodeLost: { reason: 'no heartbeat for 20 s', epoch: 2, at },
  ImageRegistered: {
    name: 'cg',
    version: 3,
    owner: 'ada',
    public: true,
    labels: { site: 'here' },
    digest,
    manifest: '{}',
    chunks: [{ digest, size: 300_000 }],
    at,
  },
  DistributionPlanned: {
    imageDigest: digest,
    jobId: 'job-7k2m9q',
    nodes: ['node-0', 'node-1'],
    alreadyThere: ['node-2'],
    rounds: 2,
    trees: [tree],
    bytesPerNode: 300_000,
    at,
  },
  NodeReceived: { nodeId: 'node-0', round: 1, bytes: 300_000, chunks: 5, at },
  DistributionReplanned: { failed: { 'node-1': 'unreachable' }, rounds: 1, trees: [tree], at },
  DistributionCompleted: { bytes: 600_000, at },
  DistributionFailed: { reason: 'node-1 is unreachable', at },
  MigrationPlanned: { ...route, at },
  TenantCreated: { name: 'physics', description: 'lattices', at },
  TenantDisabled: { at },
  TenantEnabled: { at },
  UserCreated: { tenant: 'physics', name: 'ada', role: 'user', at },
  UserRoleChanged: { role: 'operator', at },
  UserDisabled: { at },
  UserEnabled: { at },
  TokenIssued: {
    secretHash: 'ab'.repeat(32),
    tenant: 'physics',
    user: 'ada',
    role: 'user',
    description: 'laptop',
    expiresAt: at + 1,
    createdBy: 'root',
    at,
  },
  TokenRevoked: { by: 'root', reason: 'lost', at },
  MigrationRefused: { ...route, obstacles: ['it has no free core'], at },
};
