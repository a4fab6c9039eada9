/**
 * Who serves what on the bus, and who may call which of its RPCs: what is in no row is refused. Over NATS the server enforces it, by the permissions
 * that are made from this table; within one process the bus does.
 */
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { eventv1, identityv1, imagev1, jobv1, migrationv1, nodev1, storagev1, vmv1 } from '@verbena/contracts';
import type { Caller } from '../caller.ts';
import { eventsAppended } from '../event-notices.ts';

interface Row {
  readonly service: DescService;
  readonly methods: readonly DescMethod[];
}

interface Part {
  readonly serves: readonly DescService[];
  /** Served under an address: each instance answers for itself only. */
  readonly byInstance?: true;
  readonly calls: readonly Row[];
  /** Subjects of notifications. */
  readonly publishes?: readonly string[];
  readonly hears?: readonly string[];
}

function rpcs<S extends DescService>(service: S, ...names: readonly (keyof S['method'] & string)[]): Row {
  const methods: Readonly<Record<string, DescMethod>> = service.method;
  return { service, methods: names.flatMap((name) => methods[name] ?? []) };
}

function all(service: DescService): Row {
  return { service, methods: service.methods };
}

/** Published by whoever appends to the log, so that readers need not ask again and again. */
const events = eventsAppended;

export const parts = {
  'frontend-gateway': {
    serves: [],
    calls: [
      rpcs(jobv1.JobService, 'submitJob', 'getJob', 'listJobs', 'cancelJob', 'watchJob'),
      rpcs(nodev1.NodeService, 'listNodes', 'drainNode', 'resumeNode', 'getCounters', 'getPort', 'enablePort'),
      all(vmv1.VmService),
      rpcs(imagev1.ImageService, 'registerImage', 'getImage', 'listImages'),
      all(storagev1.ChunkService),
      rpcs(storagev1.OutputService, 'streamOutput', 'listFiles', 'getFile'),
      rpcs(eventv1.EventService, 'listEvents', 'followEvents', 'listEntities', 'getStateAt', 'listReadModels', 'replayReadModel'),
      all(migrationv1.MigrationService),
      all(migrationv1.CheckpointService),
      all(identityv1.IdentityService),
      all(identityv1.CredentialService),
    ],
    hears: ['identity.changed'],
  },
  scheduler: {
    serves: [jobv1.JobService, nodev1.NodeService, vmv1.VmService, migrationv1.MoveService],
    calls: [
      rpcs(
        nodev1.NodeAgentService,
        'bootVm',
        'startRanks',
        'stopRanks',
        'destroyVm',
        'listLocalVms',
        'readCounters',
        'shareAdapter',
        'plugVmFunction',
        'setVmPartition',
        'readPort',
        'setPortEnabled',
        'holdRanks',
        'growRanks',
        'freeRanks',
      ),
      rpcs(imagev1.ImageService, 'matchImage', 'distribute'),
      rpcs(storagev1.OutputService, 'sealOutput'),
      // Jobs that want to be saved every now and then.
      rpcs(migrationv1.CheckpointService, 'checkpointJob'),
      // On behalf of whoever submits: whether the input files are its tenant's.
      rpcs(storagev1.ChunkService, 'missingChunks'),
    ],
    publishes: [events],
    hears: [events],
  },
  'image-manager': {
    serves: [imagev1.ImageService],
    calls: [rpcs(nodev1.NodeAgentService, 'prepareImage', 'missingChunks')],
    publishes: [events],
    hears: [events],
  },
  storage: {
    serves: [
      storagev1.ChunkService,
      storagev1.OutputService,
      storagev1.SnapshotService,
      eventv1.EventService,
      identityv1.IdentityService,
      identityv1.CredentialService,
    ],
    calls: [],
    publishes: ['identity.changed', events],
    hears: [events],
  },
  'migration-controller': {
    serves: [migrationv1.MigrationService, migrationv1.CheckpointService],
    calls: [
      rpcs(vmv1.VmService, 'getVm', 'listVms'),
      rpcs(nodev1.NodeService, 'listNodes'),
      all(migrationv1.MoveService),
      all(migrationv1.MigrationAgentService),
      all(migrationv1.CheckpointAgentService),
      // Where the ranks of a job are that is to be saved.
      rpcs(jobv1.JobService, 'getJob'),
      rpcs(storagev1.SnapshotService, 'removeSnapshot'),
      rpcs(imagev1.ImageService, 'distribute'),
    ],
    publishes: [events],
    hears: [events],
  },
  'node-agent': {
    serves: [nodev1.NodeAgentService, migrationv1.MigrationAgentService, migrationv1.CheckpointAgentService],
    byInstance: true,
    calls: [
      rpcs(nodev1.NodeService, 'registerNode', 'heartbeat'),
      rpcs(jobv1.JobService, 'reportRank', 'rendezvous', 'spawnRanks'),
      // To write what becomes of its VMs, and to ask whose a VM is that was being moved.
      rpcs(eventv1.EventService, 'appendEvents', 'listEvents'),
      rpcs(storagev1.ChunkService, 'getChunk', 'putChunk'),
      rpcs(storagev1.OutputService, 'appendOutput', 'putFile', 'continueOutput'),
      rpcs(storagev1.SnapshotService, 'beginPart', 'putSnapshotChunk', 'getPart', 'getSnapshotChunk'),
      // Nodes pass images on to each other.
      rpcs(nodev1.NodeAgentService, 'prepareImage', 'missingChunks', 'receiveChunk'),
    ],
  },
} as const satisfies Readonly<Record<string, Part>>;

export type PartName = keyof typeof parts;

export function partOf(name: string): Part | undefined {
  return Object.hasOwn(parts, name) ? parts[name as PartName] : undefined;
}

/** Whether a caller has a row for an RPC. */
export function mayCall(caller: Caller, method: DescMethod): boolean {
  const row = partOf(caller.service)?.calls.find(({ service }) => service.typeName === method.parent.typeName);
  return row?.methods.some(({ name }) => name === method.name) === true;
}

const listed = new Map<string, DescMethod>(
  Object.values(parts).flatMap(({ serves }) =>
    serves.flatMap(({ typeName, methods }) => methods.map((method): [string, DescMethod] => [`/${typeName}/${method.name}`, method])),
  ),
);

/** Whether an RPC, by its path, is in the table and the caller has no row for it. Others are a test's own. */
export function isRefused(caller: Caller, path: string): boolean {
  const method = listed.get(path);
  return method !== undefined && !mayCall(caller, method);
}

/** Whether the service is served once an instance, under its address. */
export function servedByInstance(service: DescService): boolean {
  return Object.values(parts).some(
    (part: Part) => part.byInstance === true && part.serves.some(({ typeName }) => typeName === service.typeName),
  );
}
