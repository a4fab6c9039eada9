/**
 * Every type of event that the log may hold, with the upcasters from each shape of its payload to the next. A type without upcasters has had one
 * shape. When a payload changes: add an upcaster here and a fixture of the new shape (`fixtures/<type>.v<shape>.json`); the old fixtures stay.
 */
import type { CheckpointEvent } from '@verbena/domain-checkpoint';
import type { DistributionEvent, ImageEvent } from '@verbena/domain-image';
import type { TenantEvent, TokenEvent, UserEvent } from '@verbena/domain-identity';
import type { JobEvent } from '@verbena/domain-job';
import { usualTransfer, type MigrationEvent } from '@verbena/domain-migration';
import type { NodeEvent } from '@verbena/domain-node';
import type { VmEvent } from '@verbena/domain-vm';
import type { Upcaster } from '@verbena/event-sourcing';

/** A type that is missing does not compile. */
type Shapes<E extends { readonly type: string }> = Readonly<Record<E['type'], readonly Upcaster[]>>;

export const jobEvents: Shapes<JobEvent> = {
  // 2: what becomes of the job when a node is lost. 3: the roles of the submitter. 4: how its VMs reach the adapter. 5: checkpoints.
  JobSubmitted: [withNodeLossPolicy, withRoles, withIoPath, withCheckpoints, withIoShare],
  JobMatched: [],
  JobWaiting: [],
  // 2: the epochs of the nodes.
  JobPlaced: [withNodeEpochs],
  JobImageReady: [],
  // 2: from which checkpoint.
  JobStarted: [withRestoredFrom],
  // 2: what communication cost. 3: frames of the network card.
  RankExited: [withRankIo, withFrames],
  RankMoved: [],
  RanksGranted: [],
  RanksConnecting: [],
  RanksJoined: [],
  RanksMet: [],
  RanksWithdrawn: [],
  JobEnding: [],
  JobRequeueing: [],
  JobRequeued: [],
  JobCompleted: [],
  JobFailed: [],
  JobCancelled: [],
};

export const vmEvents: Shapes<VmEvent> = {
  VmCreated: [],
  VmBooted: [],
  VmStarted: [],
  VmIdle: [],
  VmCrashed: [],
  VmShutDown: [],
  VmLost: [],
  VmHandedOver: [],
  VmStayed: [],
  VmShareSet: [],
  VmFunctionDetached: [],
  VmFunctionAttached: [],
  VmPartitionSet: [],
};

export const nodeEvents: Shapes<NodeEvent> = {
  // 2: where the node's port is reached.
  NodeRegistered: [withFabricEndpoint],
  NodeDrained: [],
  NodeResumed: [],
  NodePortDisabled: [],
  NodePortEnabled: [],
  NodeLost: [],
};

export const imageEvents: Shapes<ImageEvent> = { ImageRegistered: [] };

export const distributionEvents: Shapes<DistributionEvent> = {
  DistributionPlanned: [],
  NodeReceived: [],
  DistributionReplanned: [],
  DistributionCompleted: [],
  DistributionFailed: [],
};

export const identityEvents: Shapes<TenantEvent | UserEvent | TokenEvent> = {
  TenantCreated: [],
  TenantDisabled: [],
  TenantEnabled: [],
  UserCreated: [],
  UserRoleChanged: [],
  UserDisabled: [],
  UserEnabled: [],
  TokenIssued: [],
  TokenRevoked: [],
};

export const migrationEvents: Shapes<MigrationEvent> = {
  MigrationPlanned: [],
  MigrationRefused: [],
  MigrationStarted: [withUsualTransfer, withDesign],
  MigrationRoundDone: [],
  MigrationQuiescing: [],
  MigrationSuspended: [],
  MigrationHandedOver: [],
  MigrationCompleted: [],
  MigrationUndoing: [],
  MigrationFailed: [],
  MigrationCancelled: [],
};

export const checkpointEvents: Shapes<CheckpointEvent> = {
  CheckpointStarted: [],
  CheckpointQuiescing: [],
  CheckpointTaken: [],
  CheckpointStored: [],
  CheckpointUndoing: [],
  CheckpointFailed: [],
  CheckpointCancelled: [],
  CheckpointRemoving: [],
  CheckpointRemoved: [],
};

export const catalogue = {
  ...jobEvents,
  ...vmEvents,
  ...nodeEvents,
  ...imageEvents,
  ...distributionEvents,
  ...migrationEvents,
  ...checkpointEvents,
  ...identityEvents,
};

/** There was no choice. */
function withUsualTransfer(data: unknown): unknown {
  return { transfer: usualTransfer, ...(data as object) };
}

/** Every rank was asked wherever it could answer. */
function withDesign(data: unknown): unknown {
  const started = data as { readonly transfer: object };
  return { ...started, transfer: { design: 'mt', ...started.transfer } };
}

function withNodeLossPolicy(data: unknown): unknown {
  const submitted = data as { readonly spec: object };
  return { ...submitted, spec: { onNodeLoss: 'fail', maxRequeues: 0, ...submitted.spec } };
}

/** Nobody else may submit than a user, and those who may do more. */
function withRoles(data: unknown): unknown {
  return { roles: ['user'], ...(data as object) };
}

function withIoPath(data: unknown): unknown {
  const submitted = data as { readonly spec: object };
  return { ...submitted, spec: { ioPath: 'bypass', ...submitted.spec } };
}

/** Never, and from its beginning. */
function withCheckpoints(data: unknown): unknown {
  const submitted = data as { readonly spec: object };
  return { ...submitted, spec: { checkpointEveryMs: 0, restartFrom: '', ...submitted.spec } };
}

/** What all get. */
function withIoShare(data: unknown): unknown {
  const submitted = data as { readonly spec: object };
  return { ...submitted, spec: { ioShare: { weight: 1, bytesPerSecond: 0 }, ...submitted.spec } };
}

function withRestoredFrom(data: unknown): unknown {
  return { restoredFrom: '', ...(data as object) };
}

/** What an older node-agent did not count is shown as nothing; its vCPUs' time was not sampled. */
function withRankIo(data: unknown): unknown {
  const none = { driverDomainOperations: 0, adapterOperations: 0, copiedBytes: 0, channelMessages: 0, channelBytes: 0 };
  return { io: { ...none, seconds: { guest: 0, idle: 0 } }, ...(data as object) };
}

function withFrames(data: unknown): unknown {
  const ended = data as { readonly io: object };
  return { ...ended, io: { networkFrames: 0, networkBytes: 0, ...ended.io } };
}

/** An epoch below every node's: nobody knows of which life of the node the placement was. */
function withNodeEpochs(data: unknown): unknown {
  const placed = data as { readonly assignments: readonly object[] };
  return { ...placed, assignments: placed.assignments.map((assignment) => ({ nodeEpoch: 0, ...assignment })) };
}

function withFabricEndpoint(data: unknown): unknown {
  const registered = data as { readonly node: object };
  return { ...registered, node: { fabricEndpoint: '', ...registered.node } };
}
