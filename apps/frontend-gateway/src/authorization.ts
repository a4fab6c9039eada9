/**
 * Who may call what: one table with a row for every RPC of every contract. A row says which role a caller needs, whose things the call is about, and
 * how large a request may be. An RPC without a row does not compile, a test reads the contracts for services that were left out, and another runs
 * every row against callers who may not (test/scenarios).
 *
 * What belongs to another tenant does not exist for a caller: the service that has it answers NOT_FOUND, and leaves it out of lists.
 * PERMISSION_DENIED is for what a caller knows of and may not do in its role. `internal` RPCs are for services among themselves.
 */
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import {
  clusterv1,
  eventv1,
  healthv1,
  identityv1,
  imagev1,
  jobv1,
  migrationv1,
  nodev1,
  reflectionv1,
  reflectionv1alpha,
  storagev1,
  vmv1,
} from '@verbena/contracts';
import { includesRole, type Role } from '@verbena/domain-identity';

/** What a caller must be. `anyone` needs no token: what is said there is in the published contracts, or for load balancers. */
export type Access = Role | 'anyone' | 'internal';

export type Resource = 'job' | 'vm' | 'image' | 'token' | 'migration' | 'checkpoint';

/** Whose things a call is about, and so what it is to a caller of another tenant. */
export type Scope =
  /** The cluster's own: the same for every tenant. */
  | { readonly kind: 'cluster' }
  /** The caller itself, or something that will be its tenant's. */
  | { readonly kind: 'caller' }
  /** Everything of a kind that the caller may know of; the rest is left out. */
  | { readonly kind: 'list' }
  /** One thing, which this field of the request names; another tenant's is NOT_FOUND. */
  | { readonly kind: 'one'; readonly resource: Resource; readonly field: string };

export interface Rule {
  readonly needs: Access;
  readonly scope: Scope;
  /** Bound on the request message in bytes. */
  readonly requestBytes: number;
  /** A stream that shows signs of life while nothing comes. */
  readonly heartbeat: boolean;
}

/** The part of the system that answers for a service. */
export type Part = 'frontend-gateway' | 'scheduler' | 'storage' | 'image-manager' | 'migration-controller' | 'node-agent';

export interface ServiceRow {
  readonly service: DescService;
  readonly part: Part;
  readonly rules: Readonly<Record<string, Rule>>;
}

const KiB = 1024;
const MiB = 1024 * KiB;
type More = Partial<Pick<Rule, 'requestBytes' | 'heartbeat'>>;

function rule(needs: Access, scope: Scope, more: More = {}): Rule {
  return { needs, scope, requestBytes: 256 * KiB, heartbeat: false, ...more };
}
const cluster = (needs: Access): Rule => rule(needs, { kind: 'cluster' });
const own = (needs: Access, more?: More): Rule => rule(needs, { kind: 'caller' }, more);
const list = (needs: Access, more?: More): Rule => rule(needs, { kind: 'list' }, more);
const one = (needs: Access, resource: Resource, field: string, more?: More): Rule => rule(needs, { kind: 'one', resource, field }, more);
const internal = cluster('internal');
const anyone = cluster('anyone');
const live: More = { heartbeat: true };

function rpcs<S extends DescService>(service: S, part: Part, rules: Readonly<Record<keyof S['method'] & string, Rule>>): ServiceRow {
  return { service, part, rules };
}

export const authorization: readonly ServiceRow[] = [
  rpcs(clusterv1.ClusterService, 'frontend-gateway', { getStatus: cluster('viewer') }),
  rpcs(jobv1.JobService, 'scheduler', {
    // Standard input of a job travels in its submission, in JSON as base64.
    submitJob: own('user', { requestBytes: 16 * MiB }),
    getJob: one('viewer', 'job', 'id'),
    listJobs: list('viewer'),
    cancelJob: one('user', 'job', 'id'),
    watchJob: one('viewer', 'job', 'id', live),
    reportRank: internal,
    rendezvous: internal,
    spawnRanks: internal,
  }),
  rpcs(nodev1.NodeService, 'scheduler', {
    registerNode: internal,
    heartbeat: internal,
    listNodes: cluster('viewer'),
    drainNode: cluster('operator'),
    resumeNode: cluster('operator'),
    // It names the VMs of all tenants.
    getCounters: cluster('operator'),
    getPort: cluster('operator'),
    enablePort: cluster('operator'),
  }),
  rpcs(nodev1.NodeAgentService, 'node-agent', {
    prepareImage: internal,
    missingChunks: internal,
    receiveChunk: internal,
    bootVm: internal,
    startRanks: internal,
    holdRanks: internal,
    growRanks: internal,
    freeRanks: internal,
    stopRanks: internal,
    destroyVm: internal,
    listLocalVms: internal,
    readCounters: internal,
    shareAdapter: internal,
    plugVmFunction: internal,
    setVmPartition: internal,
    readPort: internal,
    setPortEnabled: internal,
  }),
  rpcs(vmv1.VmService, 'scheduler', {
    listVms: list('viewer'),
    getVm: one('viewer', 'vm', 'id'),
    setAdapterShare: one('operator', 'vm', 'id'),
    plugFunction: one('operator', 'vm', 'id'),
    setPartition: one('operator', 'vm', 'id'),
  }),
  rpcs(imagev1.ImageService, 'image-manager', {
    registerImage: own('user', { requestBytes: 8 * MiB }),
    getImage: one('viewer', 'image', 'ref'),
    listImages: list('viewer'),
    matchImage: internal,
    distribute: internal,
  }),
  rpcs(storagev1.ChunkService, 'storage', {
    missingChunks: own('user', { requestBytes: 8 * MiB }),
    putChunk: own('user', { requestBytes: 2 * MiB }),
    // A chunk belongs to nobody: images and files of several tenants may share it.
    getChunk: cluster('admin'),
  }),
  rpcs(storagev1.OutputService, 'storage', {
    appendOutput: internal,
    continueOutput: internal,
    streamOutput: one('viewer', 'job', 'jobId', live),
    sealOutput: internal,
    putFile: internal,
    listFiles: one('viewer', 'job', 'jobId'),
    getFile: one('viewer', 'job', 'jobId'),
  }),
  // What is in a checkpoint is for node-agents: it holds the memory of programs.
  rpcs(storagev1.SnapshotService, 'storage', {
    beginPart: internal,
    putSnapshotChunk: internal,
    getPart: internal,
    getSnapshotChunk: internal,
    removeSnapshot: internal,
  }),
  rpcs(eventv1.EventService, 'storage', {
    listEvents: list('viewer'),
    followEvents: list('viewer', live),
    appendEvents: internal,
    listEntities: list('viewer'),
    getStateAt: list('viewer'),
    listReadModels: cluster('viewer'),
    replayReadModel: cluster('operator'),
  }),
  rpcs(migrationv1.MigrationService, 'migration-controller', {
    checkMigration: one('viewer', 'vm', 'vmId'),
    listMigrations: list('viewer'),
    // Nodes are the operators': a job runs where the cluster wants it to.
    migrateVm: one('operator', 'vm', 'vmId'),
    getMigration: one('viewer', 'migration', 'id'),
    watchMigration: one('viewer', 'migration', 'id', live),
    cancelMigration: one('operator', 'migration', 'id'),
  }),
  rpcs(migrationv1.CheckpointService, 'migration-controller', {
    checkpointJob: one('user', 'job', 'jobId'),
    getCheckpoint: one('viewer', 'checkpoint', 'id'),
    listCheckpoints: list('viewer'),
    watchCheckpoint: one('viewer', 'checkpoint', 'id', live),
    cancelCheckpoint: one('user', 'checkpoint', 'id'),
    removeCheckpoint: one('user', 'checkpoint', 'id'),
  }),
  rpcs(migrationv1.CheckpointAgentService, 'node-agent', {
    standStill: internal,
    capture: internal,
    goOn: internal,
    store: internal,
    drop: internal,
  }),
  rpcs(migrationv1.MoveService, 'scheduler', { reserveMove: internal, releaseMove: internal, settleMove: internal }),
  rpcs(migrationv1.MigrationAgentService, 'node-agent', {
    prepareIncoming: internal,
    precopy: internal,
    quiesce: internal,
    suspend: internal,
    restore: internal,
    release: internal,
    discard: internal,
    resume: internal,
    abortIncoming: internal,
  }),
  rpcs(identityv1.IdentityService, 'storage', {
    whoAmI: own('viewer'),
    createTenant: cluster('admin'),
    listTenants: list('viewer'),
    updateTenant: cluster('admin'),
    createUser: cluster('admin'),
    listUsers: list('viewer'),
    updateUser: cluster('admin'),
    createToken: own('user'),
    listTokens: list('viewer'),
    revokeToken: one('user', 'token', 'id'),
  }),
  rpcs(identityv1.CredentialService, 'storage', { authenticate: internal, issueToken: internal }),
  rpcs(healthv1.Health, 'frontend-gateway', { check: anyone, watch: anyone }),
  rpcs(reflectionv1.ServerReflection, 'frontend-gateway', { serverReflectionInfo: anyone }),
  rpcs(reflectionv1alpha.ServerReflection, 'frontend-gateway', { serverReflectionInfo: anyone }),
];

/** The rule for an RPC; one that the table does not know is internal. */
export function ruleOf(service: DescService, method: DescMethod): Rule {
  const row = authorization.find((candidate) => candidate.service.typeName === service.typeName);
  return row?.rules[method.localName] ?? internal;
}

/** Whether a caller with the role `has` may call what needs `needs`; nobody from outside may call what is internal. */
export function permits(has: Role, needs: Access): boolean {
  return needs === 'anyone' || (needs !== 'internal' && includesRole(has, needs));
}

/** Services of which something is for callers outside: those that reflection shows. */
export function publicServices(): readonly DescService[] {
  return authorization.filter(({ rules }) => Object.values(rules).some(({ needs }) => needs !== 'internal')).map(({ service }) => service);
}
